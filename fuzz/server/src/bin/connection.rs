//! Any bytes from a client, as frames, payloads and packets, in any order with what else happens to
//! a session: no panic, bounded memory, and every session can end.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    server::engine::fuzzing::connection(data);
    if let Ok(text) = std::str::from_utf8(data) {
        server::socketio::fuzz_packet(text);
    }
});
