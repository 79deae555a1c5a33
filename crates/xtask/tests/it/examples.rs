//! The commands of the book, as they are printed there, on a local stack of three nodes. The files
//! in `examples/` have tests of their own.

use std::fs;
use std::process::Command;

use super::program::Program;
use super::{deployer, root};

/// The first block of code of a page in a language.
fn block(page: &str, language: &str) -> String {
    let path = root().join("docs/src").join(page);
    let text = fs::read_to_string(&path).expect("the page is there");
    let (_, rest) = text
        .split_once(&format!("```{language}\n"))
        .unwrap_or_else(|| panic!("{page} has a block of {language}"));
    let (block, _) = rest.split_once("```").expect("the block ends");
    block.to_owned()
}

struct Stack {
    _program: Program,
    url: String,
    backend_key: String,
}

impl Stack {
    fn start() -> Self {
        let program = Program::start(Command::new(deployer()).args([
            "up",
            "--env",
            "local-cluster",
            "--port",
            "0",
            "--output",
            "json",
        ]));
        let ready = program.line_with("\"ready\"");
        let ready: serde_json::Value = serde_json::from_str(&ready).expect("one object a line");
        let text = |field: &str| ready[field].as_str().expect("a text").to_owned();
        Self {
            url: text("url"),
            backend_key: text("backend_key"),
            _program: program,
        }
    }
}

#[test]
fn the_backend_of_the_book_publishes_and_cancels() {
    let stack = Stack::start();
    let script = block("backends/publish.md", "sh").replace("http://127.0.0.1:8080", &stack.url);
    let output = Command::new("bash")
        .args(["-euc", &script])
        .env("S2S_KEYS", &stack.backend_key)
        .output()
        .expect("bash runs");
    let answers = String::from_utf8_lossy(&output.stdout);
    assert!(answers.contains(r#""state":"scheduled""#), "{answers}");
    assert!(answers.contains(" 204 No Content"), "{answers}");
}
