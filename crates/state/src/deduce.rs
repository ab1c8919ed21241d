//! A topic's name that no message says: a member names what it subscribes to, its coordinator answers in ids (KIP-848, KIP-932).

/// The name that the only unknown id of an assignment must have: all other subscribed names are taken by known ids.
pub fn deduced_name<'n>(
    subscribed: impl IntoIterator<Item = &'n str>,
    assigned: impl IntoIterator<Item = [u8; 16]>,
    name_of: impl Fn(&[u8; 16]) -> Option<String>,
) -> Option<([u8; 16], &'n str)> {
    let mut left: Vec<&str> = subscribed.into_iter().collect();
    let mut unknown = None;
    for id in assigned {
        match name_of(&id) {
            Some(name) => left.retain(|n| *n != name),
            None if unknown.is_none_or(|other| other == id) => unknown = Some(id),
            None => return None,
        }
    }
    left.sort_unstable();
    left.dedup();
    match (unknown, left.as_slice()) {
        (Some(id), [name]) if id != [0; 16] => Some((id, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unknown_id_and_one_free_name_belong_together() {
        let known = |id: &[u8; 16]| match id[0] {
            1 => Some("orders".to_owned()),
            2 => Some("audit".to_owned()),
            _ => None,
        };
        for (subscribed, assigned, expected) in [
            (&["new"][..], &[9][..], Some((9, "new"))),
            (&["orders", "new"], &[1, 9], Some((9, "new"))),
            (&["orders", "new"], &[9], None),
            (&["orders", "audit", "new"], &[1, 9, 2], Some((9, "new"))),
            (&["a", "b"], &[8, 9], None),
            (&["orders"], &[9], Some((9, "orders"))),
            (&["orders"], &[1, 9], None),
            (&["new"], &[], None),
            (&["new"], &[0], None),
            (&[], &[9], None),
        ] {
            let ids = assigned.iter().map(|n| [*n; 16]);
            let found = deduced_name(subscribed.iter().copied(), ids, known);
            let expected = expected.map(|(n, name): (u8, &str)| ([n; 16], name));
            assert_eq!(found, expected, "{subscribed:?} {assigned:?}");
        }
    }
}
