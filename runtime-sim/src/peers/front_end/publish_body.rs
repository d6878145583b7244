//! Bodies of SERVICE and PUBLISH as a server reads them (`spec/ms-pres.md` 5.2, 5.7, 6.1, 6.6, 6.8).
use super::Activity;
use super::publication::{AGGREGATE, ExpireType, Key, Ranged, StateKind, StateValue, Value, Wanted};
use crate::peers::element::{Element, local};

const PUBLISH: &str = "http://schemas.microsoft.com/2006/09/sip/rich-presence";
pub(super) const STATE: &str = "http://schemas.microsoft.com/2006/09/sip/state";
pub(super) const NOTE: &str = "http://schemas.microsoft.com/2006/09/sip/note";
const CONTAINERS: &str = "http://schemas.microsoft.com/2006/09/sip/container-management";
const PIDF: &str = "urn:ietf:params:xml:ns:pidf";

/// `publish` document: whose, and what.
pub(super) fn parse_publish(body: &[u8]) -> Result<(String, Vec<Wanted>), String> {
    let root = Element::parse(body)?;
    root.expect(PUBLISH, "publish")?;
    let publications = root.named(PUBLISH, "publications").next().ok_or("no publications element")?;
    let uri = publications.required("uri")?.to_owned();
    let mut wanted: Vec<Wanted> = Vec::new();
    for element in &publications.children {
        element.expect(PUBLISH, "publication")?;
        let one = publication(element)?;
        if wanted.iter().any(|w| w.key == one.key) {
            return Err(format!("{} {} in container {} is published twice in one request", one.key.category, one.key.instance, one.key.container));
        }
        wanted.push(one);
    }
    if wanted.is_empty() { Err("nothing is published".to_owned()) } else { Ok((uri, wanted)) }
}

fn publication(element: &Element<'_>) -> Result<Wanted, String> {
    let number = |name: &str| element.number(name)?.ok_or_else(|| format!("publication without {name}"));
    let key = Key { category: element.required("categoryName")?.to_owned(), instance: number("instance")?, container: number("container")? };
    let expire = element.required("expireType")?;
    let expire = ExpireType::parse(expire).ok_or_else(|| format!("expireType {expire:?} is not known"))?;
    let expires_s = element.number("expires")?;
    if key.container > 32_767 {
        return Err(format!("container {} is above 32767", key.container));
    }
    if key.category == "state" && (key.instance == AGGREGATE || key.instance == 0x1000_0000) {
        return Err(format!("state {} is the server's own", key.instance));
    }
    let value = match (&element.children[..], expires_s) {
        ([], Some(0)) => None,
        ([], _) => return Err("publication without a value, and not expires=0".to_owned()),
        ([_], Some(0)) => return Err("expires=0 with a value".to_owned()),
        ([child], _) if child.self_contained => Some((value(&key.category, child)?, child.raw.to_owned())),
        ([child], _) => return Err(format!("<{}> uses name spaces declared outside it", child.name)),
        _ => return Err("publication with two values".to_owned()),
    };
    if expire == ExpireType::Time && expires_s.is_none() {
        return Err("expireType time without expires".to_owned());
    }
    Ok(Wanted { key, version: number("version")?, expire, expires_s, value })
}

fn value(category: &str, element: &Element<'_>) -> Result<Value, String> {
    match category {
        "state" => state(element).map(Value::State),
        "note" => {
            element.expect(NOTE, "note")?;
            Ok(Value::Note(element.named(NOTE, "body").next().map(|b| b.text.trim().to_owned()).unwrap_or_default()))
        }
        _ => Ok(Value::Other),
    }
}

fn state(element: &Element<'_>) -> Result<StateValue, String> {
    element.expect(STATE, "state")?;
    let kind = local(element.required("type")?);
    let kind = StateKind::parse(kind).ok_or_else(|| format!("state of type {kind:?} is nothing a client publishes"))?;
    let number = |text: &str| text.trim().parse().map_err(|_| format!("availability {text:?} is no number"));
    let availability = element.named(STATE, "availability").next().map(|a| number(&a.text)).transpose()?;
    let mut activities = Vec::new();
    for a in element.named(STATE, "activity") {
        let custom = a.named(STATE, "custom").next().map(|c| c.text.trim().to_owned());
        let activity = custom.map_or_else(|| Activity::token(a.attr("token").unwrap_or_default()), Activity::Custom);
        activities.push(Ranged { activity, min: a.number("minAvailability")?.unwrap_or(0), max: a.number("maxAvailability")?.unwrap_or(u32::MAX) });
    }
    Ok(StateValue { kind, availability, activities })
}

/// One change of a container's members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MemberChange {
    pub(super) add: bool,
    /// `user`, `domain`, `sameEnterprise`, `federated`, `publicCloud`, `everyone`
    pub(super) kind: String,
    pub(super) value: String,
}

/// What is to become of one container: its id, the version the client knows, the changes.
pub(super) type ContainerChange = (u32, u32, Vec<MemberChange>);

/// `setContainerMembers` document.
pub(super) fn parse_members(body: &[u8]) -> Result<Vec<ContainerChange>, String> {
    let root = Element::parse(body)?;
    root.expect(CONTAINERS, "setContainerMembers")?;
    let mut out = Vec::new();
    for container in root.named(CONTAINERS, "container") {
        let number = |name: &str| container.number(name)?.ok_or_else(|| format!("container without {name}"));
        let mut members = Vec::new();
        for member in container.named(CONTAINERS, "member") {
            let add = match member.required("action")? {
                "add" => true,
                "remove" => false,
                other => return Err(format!("action {other:?} of a member is not known")),
            };
            members.push(MemberChange { add, kind: member.required("type")?.to_owned(), value: member.attr("value").unwrap_or_default().to_owned() });
        }
        out.push((number("id")?, number("version")?, members));
    }
    if out.is_empty() { Err("no container is named".to_owned()) } else { Ok(out) }
}

/// A PIDF document of PUBLISH: whose, and whether it says on the phone.
pub(super) fn parse_pidf(body: &[u8]) -> Result<(String, bool), String> {
    let root = Element::parse(body)?;
    root.expect(PIDF, "presence")?;
    let tuple = root.named(PIDF, "tuple").next().ok_or("PIDF without a tuple")?;
    let status = tuple.named(PIDF, "status").next().ok_or("tuple without status")?;
    let open = status.named(PIDF, "basic").next().is_some_and(|b| b.text.trim() == "open");
    // Only the draft's name space is understood (`spec/ms-pres.md` 6.8).
    let said = status.find("activity").filter(|a| a.ns == "urn:ietf:params:xml:ns:pidf:status:rpid-status").is_some_and(|a| a.text.trim() == "on-the-phone");
    Ok((root.required("entity")?.to_owned(), open && said))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus(path: &str) -> Vec<u8> {
        let bytes = std::fs::read(format!("{}/../corpus/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let at = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        bytes[at + 4..].to_vec()
    }

    #[test]
    fn the_corpus_publications_are_read() {
        let (uri, acw) = parse_publish(&corpus("sip/180-service-publish-userstate-acw.sip")).unwrap();
        assert_eq!((uri.as_str(), acw.len(), acw[1].key.container, acw[1].version), ("sip:bob@contoso.example", 2, 3, 0));
        let Some((Value::State(state), _)) = &acw[0].value else { panic!("{acw:?}") };
        assert_eq!((state.kind, state.activity_for(6500)), (StateKind::User, Activity::Custom("After call work".to_owned())));
        let (_, timed) = parse_publish(&corpus("sip/183-service-publish-timebound.sip")).unwrap();
        assert_eq!((timed[0].expire, timed[0].expires_s), (ExpireType::Time, Some(900)));
        let (_, dnd) = parse_publish(&corpus("sip/184-service-publish-dnd.sip")).unwrap();
        let Some((Value::State(state), _)) = &dnd[1].value else { panic!("{dnd:?}") };
        assert_eq!((state.availability, state.activities[0].min, state.activities[0].max), (Some(6900), 6900, 8999));
        let (_, clear) = parse_publish(&corpus("sip/187-service-clear-note.sip")).unwrap();
        assert!(clear.iter().all(|w| w.value.is_none() && w.version == 1));
        let (_, note) = parse_publish(&corpus("sip/186-service-publish-note.sip")).unwrap();
        assert_eq!(note[2].value.as_ref().map(|(v, _)| v.clone()), Some(Value::Note("Wrapping up a call".to_owned())));
        for file in ["013", "022", "024"] {
            assert_eq!(parse_publish(&corpus(&format!("sipe/session-tcp/{file}-c2s-service.sip"))).unwrap().0, "sip:alice@example.com");
        }
    }

    #[test]
    fn members_and_pidf_are_read() {
        let members = parse_members(&corpus("sipe/session-tcp/011-c2s-service.sip")).unwrap();
        assert_eq!((members.len(), members[0].0, members[0].2[0].kind.as_str()), (2, 200, "sameEnterprise"));
        let body = "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:ep=\"urn:ietf:params:xml:ns:pidf:status:rpid-status\" entity=\"sip:b@c\"><tuple id=\"0\">\
                    <status><basic>open</basic><ep:activities><ep:activity>on-the-phone</ep:activity></ep:activities></status></tuple></presence>";
        assert_eq!(parse_pidf(body.as_bytes()), Ok(("sip:b@c".to_owned(), true)));
        let newer = body.replace("status:rpid-status", "rpid");
        assert_eq!(parse_pidf(newer.as_bytes()), Ok(("sip:b@c".to_owned(), false)));
    }

    #[test]
    fn what_a_client_may_not_publish_is_refused() {
        let body = |attributes: &str, child: &str| {
            format!("<publish xmlns=\"{PUBLISH}\"><publications uri=\"sip:b@c\"><publication {attributes}>{child}</publication></publications></publish>")
        };
        let ours = "categoryName=\"state\" instance=\"536870912\" container=\"2\" version=\"0\"";
        let state = |kind: &str| {
            format!(
                "<state xmlns=\"{STATE}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{kind}\"><availability>6500</availability></state>"
            )
        };
        let good = body(&format!("{ours} expireType=\"static\""), &state("userState"));
        assert!(parse_publish(good.as_bytes()).is_ok());
        for (bad, why) in [
            (body(&format!("{ours} expireType=\"static\""), &state("aggregateState")), "nothing a client publishes"),
            (body(&format!("{ours} expireType=\"static\""), ""), "without a value"),
            (body(&format!("{ours} expireType=\"time\""), &state("userState")), "without expires"),
            (body(&format!("{ours} expireType=\"never\""), &state("userState")), "not known"),
            (body(&format!("{ours} expireType=\"static\" expires=\"0\""), &state("userState")), "with a value"),
            (good.replace("536870912", "1"), "the server's own"),
            (good.replace("6500", "Busy"), "no number"),
            (good.replace("container=\"2\"", "container=\"40000\""), "above 32767"),
        ] {
            assert!(parse_publish(bad.as_bytes()).unwrap_err().contains(why), "{why}");
        }
    }
}
