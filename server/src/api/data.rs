//! What may stand in a message's `data`: JSON that every client library reads. A reader that fails
//! at one message loses its connection, and would lose it again each time the message comes.

use crate::problem::FieldError;

/// Lists and objects within each other. Python's reader fails at about a thousand, Java's at three
/// thousand.
const MOST_DEPTH: usize = 64;
/// Characters of a number. Some readers refuse long ones, others take quadratic time for them.
const MOST_DIGITS: usize = 64;

/// What is wrong with `data`, which is JSON already.
pub(super) fn mistake(json: &str) -> Option<FieldError> {
    let wrong = Scan::new(json).run()?;
    Some(FieldError::new("data", wrong))
}

struct Scan<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl<'a> Scan<'a> {
    fn new(json: &'a str) -> Self {
        Self {
            rest: json.as_bytes(),
            depth: 0,
        }
    }

    fn run(mut self) -> Option<String> {
        while let Some((first, rest)) = self.rest.split_first() {
            let wrong = match first {
                b'"' => self.string(rest),
                b'-' | b'0'..=b'9' => self.number(),
                b'[' | b'{' => {
                    self.rest = rest;
                    self.depth += 1;
                    (self.depth > MOST_DEPTH).then(|| {
                        format!("holds more than {MOST_DEPTH} lists and objects within each other")
                    })
                }
                b']' | b'}' => {
                    self.rest = rest;
                    self.depth = self.depth.saturating_sub(1);
                    None
                }
                _ => {
                    self.rest = rest;
                    None
                }
            };
            if wrong.is_some() {
                return wrong;
            }
        }
        None
    }

    fn number(&mut self) -> Option<String> {
        let is_part = |b: &u8| matches!(b, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
        let end = self.rest.iter().position(|b| !is_part(b));
        let (number, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        if number.len() > MOST_DIGITS {
            return Some(format!(
                "holds a number of more than {MOST_DIGITS} characters"
            ));
        }
        let value = std::str::from_utf8(number).ok()?.parse::<f64>().ok()?;
        (!value.is_finite())
            .then(|| "holds a number that is larger than a double can be, about 1.8e308".into())
    }

    /// `rest` begins after the opening quote.
    fn string(&mut self, mut rest: &'a [u8]) -> Option<String> {
        let mut high = false;
        loop {
            let unit = match rest {
                [b'\\', b'u', a, b, c, d, after @ ..] => {
                    rest = after;
                    let digits = [*a, *b, *c, *d];
                    let digits = std::str::from_utf8(&digits).unwrap_or_default();
                    u16::from_str_radix(digits, 16).unwrap_or(0)
                }
                [b'\\', _, after @ ..] => {
                    rest = after;
                    0
                }
                [b'"', after @ ..] => {
                    self.rest = after;
                    return high.then(half_a_character);
                }
                [_, after @ ..] => {
                    rest = after;
                    0
                }
                [] => {
                    self.rest = rest;
                    return None;
                }
            };
            let low = (0xdc00..0xe000).contains(&unit);
            if high != low {
                return Some(half_a_character());
            }
            high = (0xd800..0xdc00).contains(&unit);
        }
    }
}

fn half_a_character() -> String {
    r"holds half of a surrogate pair, such as \ud83d alone".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(json: &str) -> Option<String> {
        let error = serde_json::to_value(mistake(json)?).unwrap();
        assert_eq!(error["field"], "data");
        Some(error["detail"].as_str().unwrap().to_owned())
    }

    #[test]
    fn depth_is_bounded_outside_of_strings() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(detail(&nested(64)), None);
        assert!(detail(&nested(65)).unwrap().contains("64 lists"));
        assert_eq!(detail(&format!("[{},{}]", nested(63), nested(63))), None);
        assert!(detail(&r#"{"a":"#.repeat(65)).is_some());
        assert_eq!(detail(&format!(r#""\"{}""#, "[".repeat(100))), None);
    }

    #[test]
    fn numbers_are_bounded_in_length_and_in_size() {
        for fine in [
            "0",
            "-1.5e-300",
            "1e308",
            "12345678901234567890.10",
            &"9".repeat(64),
            "[1,2]",
        ] {
            assert_eq!(detail(fine), None, "{fine}");
        }
        assert!(
            detail(&format!("[{}]", "9".repeat(65)))
                .unwrap()
                .contains("64 characters")
        );
        assert!(detail(r#"{"a":-1e400}"#).unwrap().contains("double"));
        assert_eq!(
            detail(&format!(r#""{}""#, "9".repeat(500))),
            None,
            "a string"
        );
    }

    #[test]
    fn surrogates_come_in_pairs() {
        for fine in [
            r#""\ud83d\ude00""#,
            r#""😀 \u00e9 \\ud83d""#,
            r#"{"\ud83d\ude00":1}"#,
        ] {
            assert_eq!(detail(fine), None, "{fine}");
        }
        for half in [
            r#""\ud83d""#,
            r#""\ude00""#,
            r#""\ud83d\ud83d""#,
            r#""\ud83dx\ude00""#,
        ] {
            assert!(detail(half).unwrap().contains("surrogate"), "{half}");
        }
    }
}
