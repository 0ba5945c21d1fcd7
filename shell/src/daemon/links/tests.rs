use super::*;
use crate::net::Link;

const CONN: ConnId = ConnId(7);

fn opened() -> (Links, Link) {
    let (mut links, link) = (Links::new(), Link::for_tests(0));
    links.opened(CONN, link);
    (links, link)
}

#[test]
fn a_client_that_is_cut_off_is_gone_at_once() {
    let (mut links, link) = opened();
    links.asked(CONN);
    links.silent(link);
    assert_eq!(links.take_gone(|_| false), Some((CONN, link)));
    assert_eq!(links.take_gone(|_| false), None);
    assert_eq!(links.link(CONN), None);
    assert_eq!(links.conn(link), None);
    assert_eq!(links.count(), 0);
}

#[test]
fn a_client_that_still_listens_stays_for_its_answers() {
    let (mut links, link) = opened();
    links.asked(CONN);
    links.asked(CONN);
    links.answered(CONN);
    links.silent(link);
    assert_eq!(links.take_gone(|_| true), None);
    assert_eq!(links.link(CONN), Some(link));
    links.answered(CONN);
    assert_eq!(links.take_gone(|_| true), Some((CONN, link)));
}

#[test]
fn a_client_that_goes_on_talking_is_never_gone() {
    let (mut links, link) = opened();
    assert_eq!(links.take_gone(|_| true), None);
    assert_eq!(links.conn(link), Some(CONN));
    assert_eq!(links.link(CONN), Some(link));
}
