use proptest::prelude::*;

use super::*;

/// A client's frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [7, 1, 200, 33];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    frame.extend(masked.map(|(byte, mask)| byte ^ mask));
    frame
}

/// What is heard of `bytes` that arrive in pieces of `piece`.
fn hear(most: usize, bytes: &[u8], piece: usize) -> Result<(Vec<String>, u64), Broken> {
    let (mut reader, mut heard, mut frames) = (Reader::new(most), Vec::new(), 0);
    for piece in bytes.chunks(piece) {
        frames += reader.read(&mut piece.to_vec(), &mut |said| {
            heard.push(match said {
                Said::Text(text) => text.to_owned(),
                other => format!("{other:?}"),
            });
            ControlFlow::Continue(())
        })?;
    }
    assert!(!reader.is_half_way(), "{reader:?}");
    Ok((heard, frames))
}

#[test]
fn messages_of_every_length_are_heard_however_they_arrive() {
    for length in [0, 1, 125, 126, 65_535, 65_536] {
        let text = "x".repeat(length);
        let bytes = [frame(0x81, text.as_bytes()), frame(0x81, b"4\xc3\xa9")].concat();
        for piece in [1, 2, 7, 1000, usize::MAX] {
            let (heard, frames) = hear(65_536, &bytes, piece).unwrap();
            assert!(
                heard == [&*text, "4é"] && frames == 2,
                "{length} in {piece}"
            );
        }
    }
}

#[test]
fn fragments_are_put_together_and_control_frames_may_come_between() {
    let bytes = [
        frame(0x01, b"4\xc3"),
        frame(0x89, b"ping"),
        frame(0x00, b""),
        frame(0x8a, b""),
        frame(0x80, b"\xa9"),
        frame(0x02, b"a"),
        frame(0x80, b"b"),
        frame(0x88, b""),
    ]
    .concat();
    let (heard, frames) = hear(4, &bytes, 3).unwrap();
    assert_eq!(
        heard,
        [
            "Ping([112, 105, 110, 103])",
            "Pong",
            "4é",
            "Binary",
            "Close([])"
        ]
    );
    assert_eq!(frames, 8);
}

#[test]
fn what_is_too_large_is_refused_by_its_header() {
    assert_eq!(hear(4, &frame(0x81, b"12345"), 99), Err(Broken::TooLarge));
    let fragments = [frame(0x01, b"123"), frame(0x80, b"45")].concat();
    assert_eq!(hear(4, &fragments, 99), Err(Broken::TooLarge));
    let huge = [
        0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4,
    ];
    let mut reader = Reader::new(1024);
    let refused = reader.read(&mut huge.to_vec(), &mut |_| ControlFlow::Continue(()));
    assert_eq!(refused, Err(Broken::TooLarge));
}

#[test]
fn what_the_protocol_forbids_is_refused() {
    let unmasked = vec![0x81, 0x01, b'4'];
    for (why, bytes) in [
        ("reserved bit", frame(0xc1, b"4")),
        ("opcode", frame(0x83, b"4")),
        ("no mask", unmasked),
        ("a long ping", frame(0x89, &[0; 126])),
        ("a ping in fragments", frame(0x09, b"")),
        ("a continuation of nothing", frame(0x80, b"4")),
        (
            "a message in a message",
            [frame(0x01, b"4"), frame(0x81, b"4")].concat(),
        ),
        ("text that is not UTF-8", frame(0x81, b"4\xff")),
    ] {
        assert_eq!(hear(1024, &bytes, 99), Err(Broken::Malformed), "{why}");
    }
}

#[test]
fn nothing_is_heard_after_a_break() {
    let mut bytes = [frame(0x81, b"1"), frame(0x81, b"2"), vec![0xff; 9]].concat();
    let (mut reader, mut heard) = (Reader::new(9), 0);
    let read = reader.read(&mut bytes, &mut |_| {
        heard += 1;
        ControlFlow::Break(())
    });
    assert_eq!((read, heard), (Ok(1), 1));
    assert!(!reader.is_half_way());
}

#[test]
fn frames_of_the_server_have_no_mask() {
    let mut out = Vec::new();
    write("4", &["2/n,", "[\"e\"]"], &mut out);
    write_control(Control::Ping, b"", &mut out);
    write_control(Control::Close, &[3, 232], &mut out);
    assert_eq!(out, b"\x81\x0a42/n,[\"e\"]\x89\x00\x88\x02\x03\xe8");
    let mut long = Vec::new();
    write("4", &[&"x".repeat(199)], &mut long);
    assert_eq!(long[..5], [0x81, 126, 0, 200, b'4']);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic_or_keep_more_than_its_bound(
        bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1usize..40,
    ) {
        let mut reader = Reader::new(64);
        for piece in bytes.chunks(piece) {
            let read = reader.read(&mut piece.to_vec(), &mut |_| ControlFlow::Continue(()));
            if read.is_err() {
                break;
            }
            let kept = reader.fragments.as_ref().map_or(0, |(_, bytes)| bytes.len());
            prop_assert!(kept <= 64 && reader.partial.len() <= 64 + 125 + 14 + 40);
        }
    }
}
