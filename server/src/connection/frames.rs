//! Counts the frames of a WebSocket by their headers alone (RFC 6455, section 5.2): control frames
//! and empty fragments too, which never become a message that anyone sees.

/// Bytes of the longest header: two, eight of a long length, four of the mask.
const LONGEST_HEADER: usize = 14;

/// Where in a frame the stream is.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: [u8; LONGEST_HEADER],
    /// Bytes of the header that have arrived.
    arrived: usize,
    /// Bytes of the payload that have not arrived yet.
    payload: u64,
}

impl Frames {
    /// Goes on with the bytes that came next; returns how many headers they have completed.
    pub(super) fn count(&mut self, mut bytes: &[u8]) -> u64 {
        let mut frames = 0;
        while let [first, rest @ ..] = bytes {
            if self.payload > 0 {
                let here =
                    usize::try_from(self.payload).map_or(bytes.len(), |p| p.min(bytes.len()));
                self.payload -= here as u64;
                bytes = &bytes[here..];
                continue;
            }
            self.header[self.arrived] = *first;
            self.arrived += 1;
            bytes = rest;
            if self.arrived >= 2 && self.arrived == self.header_length() {
                self.payload = self.payload_length();
                self.arrived = 0;
                frames += 1;
            }
        }
        frames
    }

    fn header_length(&self) -> usize {
        let mask = if self.header[1] & 0x80 == 0 { 0 } else { 4 };
        2 + self.extension() + mask
    }

    /// Bytes of the length where seven bits do not hold it.
    fn extension(&self) -> usize {
        match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        }
    }

    fn payload_length(&self) -> u64 {
        match self.extension() {
            0 => u64::from(self.header[1] & 0x7f),
            extension => self.header[2..2 + extension]
                .iter()
                .fold(0, |length, byte| length << 8 | u64::from(*byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(first: u8, length: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = vec![first];
        match length {
            0..=125 => frame.push(mask | length as u8),
            126..=65_535 => {
                frame.push(mask | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(vec![0x55; if masked { 4 } else { 0 } + length]);
        frame
    }

    #[test]
    fn frames_of_every_kind_and_length_count() {
        for (first, length) in [
            (0x81, 0),
            (0x01, 1),
            (0x00, 0),
            (0x80, 125),
            (0x89, 125),
            (0x8a, 0),
            (0x81, 126),
            (0x82, 65_535),
            (0x82, 65_536),
        ] {
            for masked in [true, false] {
                let mut frames = Frames::default();
                let bytes = frame(first, length, masked).repeat(3);
                assert_eq!(frames.count(&bytes), 3, "{first:#x} {length} {masked}");
                assert_eq!(
                    frames.count(&[0x89, 0x00]),
                    1,
                    "it stands between two frames"
                );
            }
        }
    }

    #[test]
    fn a_length_beyond_all_bounds_is_one_frame() {
        let mut frames = Frames::default();
        assert_eq!(
            frames.count(&[0x82, 0x7f, 255, 255, 255, 255, 255, 255, 255, 255]),
            1
        );
        assert_eq!(frames.count(&[0; 4096]), 0);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_stream_is_cut(
            lengths in prop::collection::vec((0_usize..300, any::<bool>()), 0..20),
            cuts in prop::collection::vec(1_usize..50, 1..50),
        ) {
            let stream: Vec<u8> = lengths.iter().flat_map(|(l, masked)| frame(0x81, *l, *masked)).collect();
            let (mut frames, mut counted, mut rest) = (Frames::default(), 0, &stream[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                counted += frames.count(piece);
                rest = after;
            }
            prop_assert_eq!(counted, lengths.len() as u64);
        }
    }
}
