//! The message everything is measured with: a NOTIFY of the shape of the published trace (`corpus/sip/001-notify-seed.sip`), made for many workers.
//! Fields that change have a fixed width, so one message is made by copying the template and patching digits.

/// The published message itself.
pub(crate) const SEED: &[u8] = include_bytes!("../../corpus/sip/001-notify-seed.sip");

/// The SIP URI of worker `n`.
pub(crate) fn uri(n: usize) -> String {
    format!("sip:lync-w{n:06}@lyncdco13.lab")
}

/// The DN of worker `n`.
pub(crate) fn dn(n: usize) -> String {
    (500_000 + n).to_string()
}

/// A NOTIFY with blanks to fill in.
pub(crate) struct Template {
    bytes: Vec<u8>,
    cseq: usize,
    worker: usize,
    availability: usize,
    millis: usize,
}

/// Names of the dialog the daemon opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dialog {
    pub(crate) call_id: String,
    /// Tag of the daemon.
    pub(crate) their_tag: String,
    pub(crate) watcher: String,
    pub(crate) target: String,
}

impl Template {
    pub(crate) fn new(dialog: &Dialog) -> Self {
        // The published body itself, with blanks.
        let at = memchr::memmem::find(SEED, b"\r\n\r\n").expect("the seed has a body") + 4;
        let body = std::str::from_utf8(&SEED[at..]).expect("the seed is text");
        let body = body.replace("lync-user2_qa94", "lync-w%WORKR").replace("2017-08-22T23:59:31.107", "2026-11-22T%MILLISECON%").replace(">6500<", ">%AV%<");
        let Dialog { call_id, their_tag, watcher, target } = dialog;
        let head = format!(
            "NOTIFY {target} SIP/2.0\r\n\
             Via: SIP/2.0/TLS 192.168.92.74:5061;branch=z9hG4bK1A63A20D.C76AC4C7A9E05B01;branched=FALSE;rport=5061,SIP/2.0/TLS 192.168.92.75:56267;branch=z9hG4bK88E8AE1D.7C0A5D1BAC6E1B05;branched=FALSE;ms-received-port=56267;ms-received-cid=18E00\r\n\
             Max-Forwards: 69\r\nTo: <{watcher}>;epid=56b4641a00000000;tag={their_tag}\r\nContent-Length: {length}\r\nFrom: <{watcher}>;tag=EBB70080\r\n\
             Call-ID: {call_id}\r\nCSeq: %CSEQ%% NOTIFY\r\nRequire: eventlist\r\nContent-Type: application/msrtc-event-categories+xml\r\nEvent: presence\r\n\
             Subscription-State: active;expires=29909\r\nSupported: ms-dialog-route-set-update\r\n\r\n",
            length = body.len()
        );
        let bytes = [head.into_bytes(), body.into_bytes()].concat();
        let find = |mark: &str| memchr::memmem::find(&bytes, mark.as_bytes()).expect("the template has all blanks");
        Self { cseq: find("%CSEQ%%"), worker: find("%WORKR"), availability: find("%AV%"), millis: find("%MILLISECON%"), bytes }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends the NOTIFY with this number for `worker`. `cseq` also makes the publication's time, so that every change is newer than the one before.
    pub(crate) fn write(&self, cseq: u32, worker: usize, availability: u32, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let it = &mut out[start..];
        digits(&mut it[self.cseq..self.cseq + 7], cseq);
        digits(&mut it[self.worker..self.worker + 6], worker as u32);
        digits(&mut it[self.availability..self.availability + 4], availability);
        // HH:MM:SS.mmm from the number, fixed width.
        let time = &mut it[self.millis..self.millis + 12];
        digits(&mut time[9..12], cseq % 1000);
        time[8] = b'.';
        digits(&mut time[6..8], cseq / 1000 % 60);
        time[5] = b':';
        digits(&mut time[3..5], cseq / 60_000 % 60);
        time[2] = b':';
        digits(&mut time[0..2], cseq / 3_600_000 % 24);
    }
}

fn digits(field: &mut [u8], mut n: u32) {
    for byte in field.iter_mut().rev() {
        *byte = b'0' + (n % 10) as u8;
        n /= 10;
    }
}
