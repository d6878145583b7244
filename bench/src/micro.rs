//! Parsers side by side on the published NOTIFY: instructions (callgrind, exact), nanoseconds (median of seven), allocations.
use crate::alloc_count;
use crate::seed::SEED;
use crate::storm::Rig;
use crate::table::{Table, thousands};
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;
use uc_core::codec::sip::{self, Framer, Step};
use uc_core::config::Limits;

/// NOTIFY of a standard presence server, 1000 bytes.
const KAMAILIO: &[u8] = include_bytes!("../../corpus/kamailio/notify-update-busy-udp-presence-active.sip");
/// The answer to a SERVICE that published a state.
const OWN: &[u8] = include_bytes!("../../corpus/sip/181-service-200-roaming-self.sip");

type Case = (&'static str, fn() -> Box<dyn FnMut()>);

/// Every case: name and a maker of the thing to repeat.
const CASES: &[Case] = &[
    ("limit: memchr, count the line ends", || {
        Box::new(|| {
            let _ = black_box(memchr::memchr_iter(b'\n', black_box(SEED)).count());
        })
    }),
    ("ours: frame (framer only)", || {
        let mut framer = Framer::new(&Limits::default());
        Box::new(move || {
            framer.push(black_box(SEED));
            while let Step::Message(span) = framer.next() {
                black_box(framer.bytes(span));
            }
        })
    }),
    ("ours: head, strict lexer", || {
        let limits = Limits::default();
        Box::new(move || {
            let _ = black_box(sip::Head::parse(black_box(SEED), &limits).is_ok());
        })
    }),
    ("ours: body", || {
        let limits = Limits::default();
        Box::new(move || drop(black_box(uc_core::codec::xml::decode_body("application/msrtc-event-categories+xml", black_box(body()), &limits))))
    }),
    ("ours: head and body (decode)", || {
        let limits = Limits::default();
        Box::new(move || drop(black_box(sip::decode(black_box(SEED), &limits))))
    }),
    ("ours: the 200", || {
        let mut out = Vec::with_capacity(4096);
        Box::new(move || {
            out.clear();
            let _ = black_box(sip::encode_answer(black_box(SEED), 200, &mut out));
        })
    }),
    ("ours: whole change (frame, decode, decide, 200, request, event)", || {
        let mut rig = Rig::new(1000);
        Box::new(move || rig.change())
    }),
    ("ours: NOTIFY of Kamailio, head and PIDF (decode)", || {
        let limits = Limits::default();
        Box::new(move || drop(black_box(sip::decode(black_box(KAMAILIO), &limits))))
    }),
    ("ours: own publications of a worker, head and body (decode)", || {
        let limits = Limits::default();
        Box::new(move || drop(black_box(sip::decode(black_box(OWN), &limits))))
    }),
    ("rsip, plain", || Box::new(|| drop(black_box(rsip::SipMessage::try_from(black_box(SEED)))))),
    ("rsip, and From, To, CSeq, Call-ID, Via typed", || Box::new(rsip_typed)),
    ("quick-xml NsReader, the same extraction from the body", || Box::new(|| drop(black_box(ns_reader(black_box(body())))))),
    ("roxmltree, the body", || Box::new(|| drop(black_box(roxmltree::Document::parse(black_box(std::str::from_utf8(body()).unwrap_or(""))))))),
];

fn body() -> &'static [u8] {
    let at = memchr::memmem::find(SEED, b"\r\n\r\n").map_or(0, |i| i + 4);
    &SEED[at..]
}

fn rsip_typed() {
    use rsip::prelude::{HeadersExt, UntypedHeader};
    let Ok(message) = rsip::SipMessage::try_from(black_box(SEED)) else { return };
    let _ = black_box((message.from_header().and_then(|h| h.clone().into_typed()), message.to_header().and_then(|h| h.clone().into_typed())));
    let _ = black_box((message.cseq_header().and_then(|h| h.clone().into_typed()), message.via_header().and_then(|h| h.clone().into_typed())));
    let _ = black_box(message.call_id_header().map(|h| h.value().len()));
}

use rsip::prelude::ToTypedHeader;

/// uri, availability, activity by the namespace-aware reader.
fn ns_reader(body: &[u8]) -> (String, u32, String) {
    use quick_xml::events::Event;
    let mut reader = quick_xml::NsReader::from_str(std::str::from_utf8(body).unwrap_or(""));
    let (mut uri, mut availability, mut activity, mut inside) = (String::new(), 0, String::new(), false);
    loop {
        match reader.read_resolved_event() {
            Ok((_, Event::Start(e) | Event::Empty(e))) => {
                inside = e.local_name().as_ref() == "availability";
                for attribute in e.attributes().flatten() {
                    match attribute.key.as_ref() {
                        "uri" if uri.is_empty() => uri.push_str(&attribute.value),
                        "token" => activity.push_str(&attribute.value),
                        _ => {}
                    }
                }
            }
            Ok((_, Event::Text(text))) if inside => {
                availability = text.trim().parse().unwrap_or(0);
                inside = false;
            }
            Ok((_, Event::Eof)) | Err(_) => return (uri, availability, activity),
            Ok(_) => {}
        }
    }
}

/// `count CASE N`: what callgrind is pointed at.
pub(crate) fn count(args: &[String]) -> Result<(), String> {
    let [case, times] = args else { return Err("count CASE TIMES".into()) };
    let (_, make) = CASES.get(case.parse::<usize>().unwrap_or(usize::MAX)).ok_or("no such case")?;
    let mut run = make();
    for _ in 0..times.parse::<u32>().map_err(|_| "TIMES is a number")? {
        run();
    }
    Ok(())
}

/// Instructions of one repetition: the difference of two runs, so that start-up does not count.
fn instructions(case: usize) -> Option<u64> {
    let total = |times: u32| -> Option<u64> {
        let me = std::env::current_exe().ok()?;
        let out = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(me)
            .args(["count", &case.to_string(), &times.to_string()])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        let line = text.lines().find(|l| l.contains("Collected"))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    Some((total(1200)? - total(200)?) / 1000)
}

/// The table.
pub(crate) fn run() -> Result<(), String> {
    let mut table = Table::new(&["the NOTIFY of the published trace, 1375 bytes", "instructions", "ns", "allocations"]);
    for (at, (name, make)) in CASES.iter().enumerate() {
        let mut run = make();
        for _ in 0..2000 {
            run();
        }
        let allocations = alloc_count::count();
        for _ in 0..1000 {
            run();
        }
        let allocations = (alloc_count::count() - allocations) as f64 / 1000.0;
        let mut times: Vec<f64> = (0..7)
            .map(|_| {
                let began = Instant::now();
                for _ in 0..5000 {
                    run();
                }
                began.elapsed().as_nanos() as f64 / 5000.0
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let count = instructions(at).map_or_else(|| "valgrind missing".into(), thousands);
        table.row(&[(*name).into(), count, format!("{:.0}", times[3]), format!("{allocations:.1}")]);
    }
    table.print("One message");
    Ok(())
}
