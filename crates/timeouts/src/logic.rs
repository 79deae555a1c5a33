//! What rules are written with: conditions of which some parts may not have been seen.

use crate::Setting;
use crate::reading::{NotSeen, Reading};
use crate::rule::{Verdict, Violation};

/// A condition of which parts may not have been seen.
pub(crate) type Fact = Result<bool, NotSeen>;

/// Holds, or is the violation.
pub(crate) fn demand(holds: bool, violation: impl FnOnce() -> Violation) -> Verdict {
    Ok(if holds { Vec::new() } else { vec![violation()] })
}

/// The rule holds without looking further.
pub(crate) fn holds() -> Verdict {
    Ok(Vec::new())
}

/// The opposite, where it is known.
pub(crate) fn not(fact: Fact) -> Fact {
    fact.map(|known| !known)
}

/// True as soon as one is known to be true; not seen while one that is not seen could still be.
pub(crate) fn any<const N: usize>(facts: [Fact; N]) -> Fact {
    decide(facts, true)
}

/// False as soon as one is known to be false; not seen while one that is not seen could still be.
pub(crate) fn all<const N: usize>(facts: [Fact; N]) -> Fact {
    decide(facts, false)
}

fn decide<const N: usize>(facts: [Fact; N], decisive: bool) -> Fact {
    let mut missing = Vec::new();
    for fact in facts {
        match fact {
            Ok(value) if value == decisive => return Ok(decisive),
            Ok(_) => {}
            Err(NotSeen(settings)) => missing.extend(settings),
        }
    }
    if missing.is_empty() {
        Ok(!decisive)
    } else {
        Err(NotSeen(missing))
    }
}

/// All violations of several checks. Without any, what one of them lacked makes the outcome not
/// seen.
pub(crate) fn each(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let (mut violations, mut missing) = (Vec::new(), Vec::new());
    for verdict in verdicts {
        match verdict {
            Ok(found) => violations.extend(found),
            Err(NotSeen(settings)) => missing.extend(settings),
        }
    }
    if violations.is_empty() && !missing.is_empty() {
        Err(NotSeen(missing))
    } else {
        Ok(violations)
    }
}

/// Each setting is within its legal range; unset ones are.
pub(crate) fn in_range(reading: &Reading, settings: &[Setting], who_refuses: &str) -> Verdict {
    each(settings.iter().map(|setting| {
        reading.get(*setting)?;
        Ok(reading
            .all(*setting)
            .iter()
            .filter_map(|seen| {
                let refused = setting.admits(seen.value.clone()).err()?;
                Some(
                    Violation::error(format!("{who_refuses} refuses this {}", setting.title()))
                        .about(seen)
                        .needs(refused.to_string())
                        .fix(format!("set {setting} to {}", refused.legal)),
                )
            })
            .collect())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown() -> Fact {
        Err(NotSeen(vec![Setting::Store]))
    }

    #[test]
    fn a_known_fact_decides_before_an_unknown_one() {
        assert_eq!(any([unknown(), Ok(true)]), Ok(true));
        assert_eq!(any([unknown(), Ok(false)]), unknown());
        assert_eq!(any([Ok(false), Ok(false)]), Ok(false));
        assert_eq!(all([unknown(), Ok(false)]), Ok(false));
        assert_eq!(all([unknown(), Ok(true)]), unknown());
        assert_eq!(all([Ok(true), Ok(true)]), Ok(true));
    }

    #[test]
    fn a_violation_outweighs_what_was_not_seen() {
        let missing = || Err(NotSeen(vec![Setting::Store]));
        assert_eq!(each([missing(), holds()]), missing());
        assert_eq!(
            each([missing(), Ok(vec![Violation::error("x")])]).map(|found| found.len()),
            Ok(1)
        );
    }
}
