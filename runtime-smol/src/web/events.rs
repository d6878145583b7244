//! Server-sent events: the connection of a page after its request for them.
//!
//! The answer has no end but that of the connection, so hyper has nothing more to do there: the head is written by hand and the rest is a small task that waits for
//! news or for the end. On every connect a page gets the state and all open offers, so nothing has to be replayed after a loss.
use super::answer::{Reply, json_error};
use super::door::Place;
use super::pages::Page;
use super::request::Asked;
use super::site::Site;
use super::stream::Stream;
use super::talk::{Ask, Offer, StateView};
use super::{Counts, pause};
use crate::history::now_ms;
use hyper::Method;
use hyper::header::ALLOW;
use serde_json::{Value, json};
use smol::future::{or, poll_fn};
use smol::io::{AsyncRead, AsyncWriteExt as _};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// Pages of one worker at once.
const OF_ONE_MAX: usize = 20;
/// Bytes a page may send after its request; it has nothing to say.
const HEARD_MAX: usize = 4_096;
/// A page comes back this long after a loss, milliseconds: so much, and up to so much more by chance.
const RETRY_MS: (u64, u64) = (500, 2_000);

/// Saying goodbye may take this long.
const CLOSE: Duration = Duration::from_secs(2);

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n\
                    cross-origin-resource-policy: same-origin\r\nx-accel-buffering: no\r\nconnection: close\r\n\r\n";

/// A connection that becomes a page's.
pub(super) struct Takeover {
    guard: Guard,
}

/// A page; gone when dropped.
struct Guard {
    page: Rc<Page>,
    site: Rc<Site>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.site.pages.borrow_mut().close(&self.page);
        Counts::less(&self.site.counts.pages);
        let (page, who) = (self.page.id, self.page.who.clone());
        self.site.tell_later(Ask::Close { page, who });
    }
}

/// Registers the page of a request for events.
pub(super) fn open(site: &Rc<Site>, asked: &Asked) -> Result<Takeover, Reply> {
    if asked.method != Method::GET {
        return Err(json_error(405, "method", "events can be read").header(ALLOW, "GET"));
    }
    let (session, who, _) = site.session(asked).ok_or_else(super::api::no_session)?;
    if site.is_stopping() {
        return Err(super::api::stopping());
    }
    let page = site.pages.borrow_mut().open(&who, session, OF_ONE_MAX);
    let page = page.ok_or_else(|| json_error(429, "too-many-pages", &format!("{OF_ONE_MAX} pages are open already")))?;
    Counts::add(&site.counts.pages);
    Ok(Takeover { guard: Guard { page, site: Rc::clone(site) } })
}

/// Writes news to a page until it is gone.
pub(super) async fn stream(site: Rc<Site>, mut stream: Stream, takeover: Takeover, place: Place) {
    let Guard { page, .. } = &takeover.guard;
    let retry = RETRY_MS.0 + site.chance(RETRY_MS.1);
    let begin = async {
        stream.write_all(format!("{HEAD}retry: {retry}\n\n").as_bytes()).await?;
        stream.flush().await
    };
    if begin.await.is_ok() && site.asks.send(Ask::Open { page: page.id, who: page.who.clone() }).await.is_ok() {
        let _ = write_news(&mut stream, page).await;
        let close = async { drop(stream.close().await) };
        or(close, pause(CLOSE)).await;
    }
    drop(takeover);
    drop(place);
}

async fn write_news(stream: &mut Stream, page: &Page) -> std::io::Result<()> {
    let mut heard = 0;
    loop {
        let news = poll_fn(|cx| {
            if let Poll::Ready(news) = page.poll_take(cx) {
                return Poll::Ready(news);
            }
            let mut ignored = [0; 256];
            loop {
                match Pin::new(&mut *stream).poll_read(cx, &mut ignored) {
                    Poll::Ready(Ok(n)) if n > 0 && heard + n <= HEARD_MAX => heard += n,
                    Poll::Ready(_) => return Poll::Ready(None),
                    Poll::Pending => return Poll::Pending,
                }
            }
        });
        let Some(text) = news.await else { return Ok(()) };
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await?;
    }
}

/// An event in its form on the wire.
pub(super) fn frame(id: u64, event: &str, data: &Value) -> Rc<str> {
    format!("id: {id}\nevent: {event}\ndata: {data}\n\n").into()
}

/// A sign of life, not an event.
pub(super) const PING: &str = ": ping\n\n";

/// `state`
pub(super) fn state(view: &StateView) -> Value {
    let dns: Vec<Value> = view.dns.iter().map(|dn| json!({ "dn": dn.number, "switch": dn.switch, "state": dn.shown, "flags": dn.flags })).collect();
    json!({ "choice": view.choice, "shown": view.shown, "presence": { "class": view.class, "note": view.note }, "dns": dns })
}

/// `offer`
pub(super) fn offer(offer: &Offer) -> Value {
    let data: Vec<[&str; 2]> = offer.data.iter().map(|(key, value)| [&**key, &**value]).collect();
    json!({
        "offer": offer.offer.0, "dn": offer.dn, "conn": &*offer.conn, "media": &*offer.media, "data": data, "offered": offer.offered, "ends": offer.ends,
        "now": now_ms(), "broadcast": offer.broadcast,
    })
}
