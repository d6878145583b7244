//! One connection: hyper reads requests and writes answers; a request for events takes the connection away from it.
use super::answer::{self, Reply};
use super::door::{Door, Place};
use super::events::{self, Takeover};
use super::request::{Asked, Fault};
use super::site::Site;
use super::stream::Stream;
use super::{Counts, api, assets, describe, pause, sso, ticket};
use crate::router_api;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use smol::future::{or, poll_fn};
use smol::io::AsyncWriteExt as _;
use smol_hyper::rt::{FuturesIo, SmolTimer};
use std::cell::RefCell;
use std::convert::Infallible;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// The head of a request must be here this long after the connection stands or the answer before it was written; so it is also how long a connection may idle.
const HEAD: Duration = Duration::from_secs(15);
/// Bytes of a head.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Saying goodbye may take this long.
const CLOSE: Duration = Duration::from_secs(2);

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct From {
    /// Through which listener.
    pub(super) door: Door,
    /// The far end.
    pub(super) address: IpAddr,
    /// Over TLS.
    pub(super) is_tls: bool,
}

/// Serves a connection until it ends.
pub(super) async fn connection(site: Rc<Site>, stream: Stream, from: From, place: Place) {
    let taken: Rc<RefCell<Option<Takeover>>> = Rc::default();
    let service = {
        let (site, taken) = (Rc::clone(&site), Rc::clone(&taken));
        service_fn(move |request: Request<Incoming>| {
            let (site, taken) = (Rc::clone(&site), Rc::clone(&taken));
            Box::pin(async move {
                let answer = answer(&site, request, from, &taken).await;
                if taken.borrow().is_some() {
                    // The connection is somebody else's in a moment.
                    std::future::pending::<()>().await;
                }
                Ok::<_, Infallible>(answer)
            })
        })
    };
    let mut hyper = Builder::new()
        .timer(SmolTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(FuturesIo::new(stream), service);
    // An error is the peer's: it has been told, or is gone.
    let _ended = poll_fn(|cx| match hyper.poll_without_shutdown(cx) {
        Poll::Pending if taken.borrow().is_some() => Poll::Ready(Ok(())),
        outcome => outcome,
    })
    .await;
    let mut stream = hyper.into_parts().io.into_inner();
    match taken.take() {
        Some(takeover) => site.executor.spawn(events::stream(Rc::clone(&site), stream, takeover, place)).detach(),
        None => or(async { drop(stream.close().await) }, pause(CLOSE)).await,
    }
}

async fn answer(site: &Rc<Site>, request: Request<Incoming>, from: From, taken: &RefCell<Option<Takeover>>) -> hyper::Response<answer::Body> {
    Counts::add(&site.counts.requests);
    let _busy = site.busy();
    let body_bytes_max = match from.door {
        Door::Pages => api::BODY_BYTES_MAX,
        Door::Router => site.router_settings().body_bytes_max,
    };
    let is_head = request.method() == hyper::Method::HEAD;
    let reply = match Asked::read(request, from, site.is_proxied(), body_bytes_max).await {
        Ok(asked) => route(site, &asked, from.door, taken).await,
        Err(fault) => answer::json_error(fault.status(), fault.code(), &fault.to_string()),
    };
    if reply.status >= 400 {
        Counts::add(&site.counts.failed);
    }
    reply.print(from.door, from.is_tls || (from.door == Door::Pages && site.is_proxied()), is_head)
}

async fn route(site: &Rc<Site>, asked: &Asked, door: Door, taken: &RefCell<Option<Takeover>>) -> Reply {
    match door {
        Door::Router => router_api::answer(site, asked).await,
        Door::Pages if asked.path == "/api/events" => match events::open(site, asked) {
            Ok(takeover) => {
                *taken.borrow_mut() = Some(takeover);
                Reply::new(200)
            }
            Err(refusal) => refusal,
        },
        Door::Pages if asked.path == describe::PATH => describe::answer(asked),
        Door::Pages if asked.path.starts_with("/api/") => api::answer(site, asked).await,
        Door::Pages if asked.path.starts_with("/t/") => ticket::answer(site, asked),
        Door::Pages if asked.path.starts_with("/sso/") => sso::answer(site, asked).await,
        Door::Pages => assets::answer(&site.assets, asked),
    }
}

impl Fault {
    const fn status(&self) -> u16 {
        match self {
            Self::TooLarge { .. } => 413,
            Self::Late => 408,
            Self::Broken | Self::Address => 400,
        }
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::Late => "late",
            Self::Broken | Self::Address => "malformed",
        }
    }
}
