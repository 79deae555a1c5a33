//! What each grammar accepts and refuses.

use super::*;

fn accepts(grammar: Grammar, texts: &[(&str, &str)]) {
    for (text, value) in texts {
        let read = grammar.parse(text).map(|value| value.to_string());
        assert_eq!(read, Ok((*value).to_owned()), "{text}");
    }
}

fn refuses(grammar: Grammar, texts: &[&str]) {
    for text in texts {
        assert!(grammar.parse(text).is_err(), "{text}");
    }
}

#[test]
fn durations_have_a_unit() {
    accepts(
        Grammar::Duration,
        &[("60s", "60s"), ("4m", "240s"), ("1h 30m", "5400s")],
    );
    refuses(Grammar::Duration, &["", "60", "0", "s", "60x", "-1s"]);
}

#[test]
fn bytes_are_numbers_or_have_a_binary_unit() {
    accepts(
        Grammar::Bytes,
        &[("1024", "1024"), ("1KiB", "1024"), ("2 MiB", "2097152")],
    );
    refuses(Grammar::Bytes, &["", "1KB", "-1", "99999999999GiB"]);
}

#[test]
fn a_socket_path_is_nobody_elses() {
    accepts(
        Grammar::SocketPath,
        &[("/websockets", "/websockets"), ("/a/b/", "/a/b")],
    );
    let taken = ["/v1", "/v1/x", "/healthcheck", "/openapi.json"];
    refuses(Grammar::SocketPath, &taken);
    refuses(
        Grammar::SocketPath,
        &["", "/", "//", "a", "/a//b", "/a?b", "/a b", "/ä"],
    );
}

#[test]
fn names_are_named_once() {
    accepts(Grammar::Names, &[("a,b", "a, b"), (" a , /b ", "a, b")]);
    refuses(Grammar::Names, &["", ",", "a b", "a,a", "a,/a", "ä"]);
    let words = Grammar::Words(&["polling", "websocket"]);
    accepts(words, &[("polling,websocket", "polling, websocket")]);
    refuses(words, &["", "Polling", "polling,polling"]);
}

#[test]
fn origins_are_what_browsers_send() {
    let good = ["https://a.example", "http://a:8080", "http://[::1]:80"];
    for text in &good[..2] {
        accepts(Grammar::Origins, &[(text, text)]);
    }
    accepts(Grammar::Origins, &[("", "none")]);
    let bad = [
        "example.com",
        "https://a.example/",
        "https://A.example",
        "https://a.example:443",
        "http://a.example:80",
        "https://",
        "https://a b",
        "*",
        "ftp://a.example",
        "https://a.example,https://a.example",
    ];
    refuses(Grammar::Origins, &bad);
}

#[test]
fn a_log_filter_has_levels() {
    let info = "info,server=debug";
    accepts(Grammar::LogFilter, &[("warn", "warn"), (info, info)]);
    refuses(
        Grammar::LogFilter,
        &["", "inof", "server", "server=", "=info", "server=x"],
    );
}

#[test]
fn a_store_names_no_secret() {
    assert_eq!(Store::parse("memory"), Ok(Store::Memory));
    assert_eq!(Store::parse("file:/data"), Ok(Store::File("/data")));
    for (url, port) in [
        ("redis://cache", 6379),
        ("rediss://cache.example.com:6380/0", 6380),
        ("redis://[::1]", 6379),
        ("redis://[::1]:7000", 7000),
        ("redis+cluster://a,b:7001", 6379),
        ("redis+sentinel://a:26380,b/primary-1", 26380),
    ] {
        assert_eq!(Store::parse(url), Ok(Store::Redis(RedisUrl { url, port })));
    }
    let bad = [
        "",
        "Memory",
        "file:",
        "redis://",
        "redis://user@cache",
        "redis://:secret@cache",
        "redis://cache/1",
        "redis://cache?x=y",
        "redis://cache:x",
        "redis://cache:0",
        "redis://a,b",
        "redis+cluster://",
        "redis+cluster://a,",
        "redis+cluster://a/1",
        "redis+sentinel://a:26379",
        "redis+sentinel://a/",
        "redis+sentinel://a/na/me",
        "redis+other://a",
        "http://cache",
    ];
    for text in bad {
        assert!(Store::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_redis_is_one_primary_a_cluster_or_behind_sentinels() {
    let read = |url| {
        let url = RedisUrl::parse(url).unwrap();
        let hosts: Vec<_> = url.hosts().collect();
        (url.mode(), url.is_encrypted(), hosts)
    };
    let single = (RedisMode::Single, true, vec![("[::1]", 6379)]);
    assert_eq!(read("rediss://[::1]"), single);
    let hosts = vec![("a", 6379), ("[::1]", 7001)];
    let cluster = (RedisMode::Cluster, true, hosts);
    assert_eq!(read("rediss+cluster://a,[::1]:7001/0"), cluster);
    let mode = RedisMode::Sentinel { name: "primary-1" };
    let sentinels = (mode, false, vec![("a", 26379), ("b", 7000)]);
    assert_eq!(read("redis+sentinel://a,b:7000/primary-1"), sentinels);
}

#[test]
fn an_http_url_has_a_host_and_no_credentials() {
    let right = [
        "http://127.0.0.1:4318",
        "https://otlp.example.com/tenant-1/otlp/",
        "http://[::1]:4318",
    ];
    accepts(Grammar::HttpUrl, &right.map(|url| (url, url)));
    let pattern = Grammar::HttpUrl.pattern();
    assert!(pattern.is_some());
    refuses(
        Grammar::HttpUrl,
        &[
            "",
            "collector:4318",
            "http://",
            "http:///v1",
            "grpc://collector:4317",
            "http://user:secret@collector",
            "http://collector/?key=1",
            "http://collector/ x",
        ],
    );
}
