//! The interface's description, as anybody may fetch it.

use super::*;

const PATH: &str = "/openapi.json";

#[tokio::test]
async fn the_description_is_compressed_and_cached() {
    let server = Server::start(&[]).await;
    let plain = send(&server, "GET", PATH, &[], "").await;
    assert_eq!(plain.status, 200);
    assert_eq!(plain.headers["cache-control"], "public, max-age=3600");
    assert_eq!(plain.headers["vary"], "accept-encoding");
    let tag = plain.headers["etag"].to_str().unwrap();

    let url = format!("http://{}{PATH}", server.address);
    let request = reqwest::Client::new().get(&url);
    let packed = request
        .header("accept-encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let packed = packed.bytes().await.unwrap();
    assert!(
        packed.len() * 4 < plain.text.len(),
        "{} bytes",
        packed.len()
    );
    let mut text = String::new();
    let mut decoder = flate2::read::GzDecoder::new(&*packed);
    std::io::Read::read_to_string(&mut decoder, &mut text).unwrap();
    assert_eq!(text, plain.text);

    let known = send(&server, "GET", PATH, &[("if-none-match", tag)], "").await;
    assert_eq!((known.status, known.text.as_str()), (304, ""));
}

#[tokio::test]
async fn the_description_is_sent_only_so_often() {
    let server = Server::start(&[]).await;
    let mut refused = 0;
    for _ in 0..200 {
        let answer = send(&server, "GET", PATH, &[], "").await;
        if answer.status == 429 {
            assert_eq!(answer.headers["retry-after"], "1");
            refused += 1;
            break;
        }
    }
    // A machine that takes 50 ms for each request gets all of them.
    let metric = r#"holdfast_refusals_total{reason="openapi_rate"}"#;
    assert_eq!(server.metric(metric).await, f64::from(refused));
}
