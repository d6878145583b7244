//! The bare program: moves the very same four messages per change (NOTIFY in, 200 out, request out, event in) with no decoding at all. What it costs is the price
//! of the sockets; the daemon is compared with it in the same run.
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

/// A 200 of the size the daemon sends.
const OK: &str = "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS 192.168.92.74:5061;branch=z9hG4bK1A63A20D.C76AC4C7A9E05B01;branched=FALSE;rport=5061,SIP/2.0/TLS 192.168.92.75:56267;branch=z9hG4bK88E8AE1D.7C0A5D1BAC6E1B05;branched=FALSE;ms-received-port=56267;ms-received-cid=18E00\r\nFrom: <sip:lync-user0@lyncdco13.lab>;tag=EBB70080\r\nTo: <sip:lync-user0@lyncdco13.lab>;epid=56b4641a00000000;tag=f30acb63\r\nCall-ID: 9bd68af0f897bbff12c2131337fbae38@192.168.92.172\r\nCSeq: 1000001 NOTIFY\r\nContent-Length: 0\r\n\r\n";
const REQUEST: &str = "{\"v\":1,\"seq\":1000000,\"dir\":\"req\",\"id\":11,\"name\":\"RequestAgentNotReady\",\"attrs\":[[\"AttributeReferenceID\",\"int\",1000000],[\"AttributeThisDN\",\"str\",\"500000\"],[\"AttributeReasons\",\"kvlist\",[{\"key\":\"KW_UC_STATUS\",\"type\":\"str\",\"value\":\"busy\"},{\"key\":\"KW_UC_NOTE\",\"type\":\"str\",\"value\":\"\"}]]]}\n";

/// `bare-server SIP_PORT BRIDGE_PORT NOTIFY_BYTES`: connects like the daemon and moves messages until the far end closes.
pub(crate) fn serve(args: &[String]) -> Result<(), String> {
    let [sip, bridge, length] = args else { return Err("bare-server SIP_PORT BRIDGE_PORT NOTIFY_BYTES".into()) };
    let connect = |port: &String| -> Result<TcpStream, String> {
        let stream = TcpStream::connect(("127.0.0.1", port.parse().map_err(|_| "bad port")?)).map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        stream.set_nonblocking(true).map_err(|e| e.to_string())?;
        Ok(stream)
    };
    let (mut sip, mut bridge) = (connect(sip)?, connect(bridge)?);
    let length: usize = length.parse().map_err(|_| "bad length")?;
    let mut buffer = vec![0; 256 << 10];
    let (mut have, mut answers, mut requests) = (0, Vec::new(), Vec::new());
    loop {
        wait(&sip, &bridge, !answers.is_empty(), !requests.is_empty());
        match sip.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => {
                have += n;
                while have >= length {
                    have -= length;
                    answers.extend_from_slice(OK.as_bytes());
                    requests.extend_from_slice(REQUEST.as_bytes());
                }
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return Ok(()),
        }
        flush(&mut sip, &mut answers)?;
        flush(&mut bridge, &mut requests)?;
        match bridge.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return Ok(()),
        }
    }
}

fn wait(sip: &TcpStream, bridge: &TcpStream, sip_out: bool, bridge_out: bool) {
    use rustix::event::{PollFd, PollFlags, poll};
    let flags = |out: bool| if out { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
    let mut fds = [PollFd::new(sip, flags(sip_out)), PollFd::new(bridge, flags(bridge_out))];
    let _ = poll(&mut fds, None);
}

fn flush(stream: &mut TcpStream, out: &mut Vec<u8>) -> Result<(), String> {
    let mut sent = 0;
    while sent < out.len() {
        match stream.write(&out[sent..]) {
            Ok(n) => sent += n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            Err(e) => return Err(e.to_string()),
        }
    }
    out.drain(..sent);
    Ok(())
}
