//! Side ways: balancers that lead to a service which clients reach by another one, and that send it
//! no Socket.IO. Backends have such a one where the interface for them is internal.

use timeouts::Reading;
use timeouts::Setting::{RoutedPaths, SocketPath};

/// Leaves out the readings of side ways: the rules speak of long-lived connections, and there are
/// none. Where no way leads to a service's sockets, or it is not known, all of its ways stay.
pub(super) fn leave_out(readings: Vec<(Option<&str>, Reading)>) -> Vec<Reading> {
    let sides: Vec<_> = readings
        .iter()
        .map(|(_, reading)| is_side(reading))
        .collect();
    let has_main = |service: Option<&str>| {
        let mut others = readings.iter().zip(&sides);
        service.is_some() && others.any(|((of, _), side)| *of == service && !side)
    };
    let keeps: Vec<_> = readings
        .iter()
        .zip(&sides)
        .map(|((service, _), side)| !(*side && has_main(*service)))
        .collect();
    let readings = readings.into_iter().zip(keeps);
    let kept = readings.filter_map(|((_, reading), keeps)| keeps.then_some(reading));
    kept.collect()
}

/// Whether a way certainly leads to no path of Socket.IO.
fn is_side(reading: &Reading) -> bool {
    let (Ok(socket), Ok(patterns)) = (reading.text(SocketPath), reading.list(RoutedPaths)) else {
        return false;
    };
    let socket = format!("{}/", socket.value.trim_end_matches('/'));
    let may_lead = |pattern: &String| {
        // Up to the first wildcard, whichever comes behind it.
        let literal = pattern.split(['*', '?']).next().unwrap_or_default();
        socket.starts_with(literal) || literal.starts_with(&socket)
    };
    !patterns.value.is_empty() && !patterns.value.iter().any(may_lead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use timeouts::Place;

    fn way(name: &str, paths: &[&str]) -> Reading {
        let mut reading = Reading::new(name);
        let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
        let place = Place::file("t.yaml", 1, 1);
        reading.see(SocketPath, "/websockets", place.clone());
        reading.see(RoutedPaths, paths, place);
        reading
    }

    fn left(ways: Vec<(Option<&str>, Reading)>) -> Vec<String> {
        let kept = leave_out(ways);
        kept.iter().map(|one| one.subject().to_owned()).collect()
    }

    #[test]
    fn a_way_without_sockets_is_left_out_beside_one_with_them() {
        let main = || way("main", &["/websockets/*"]);
        let api = || way("api", &["/v1/*", "/openapi.json"]);
        assert_eq!(
            left(vec![(Some("s"), main()), (Some("s"), api())]),
            ["main"]
        );
        // It is the only one of its service, or nobody knows which service it is of.
        let other = left(vec![(Some("s"), main()), (Some("other"), api())]);
        assert_eq!(other, ["main", "api"]);
        assert_eq!(left(vec![(None, main()), (None, api())]).len(), 2);
        // A wildcard may lead anywhere.
        let wide = way("wide", &["/*"]);
        assert_eq!(left(vec![(Some("s"), main()), (Some("s"), wide)]).len(), 2);
        let mut hidden = api();
        hidden.hide(RoutedPaths, "a condition that only AWS knows");
        assert_eq!(
            left(vec![(Some("s"), main()), (Some("s"), hidden)]).len(),
            2
        );
    }
}
