//! The examples of the book, as they are printed there, on a local stack of three nodes.

use std::fs;
use std::process::Command;

use super::program::Program;
use super::{deployer, root};

/// What the book's examples say instead of an address.
const ADDRESS: &str = "https://drops.example.com";

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
    plugin_key: String,
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
            plugin_key: text("plugin_key"),
            _program: program,
        }
    }

    /// A plugin of the book shows what a backend publishes.
    fn try_plugin(&self, command: &mut Command, code: &str) {
        let plugin = Program::start(command.env("PLUGIN_KEY", &self.plugin_key));
        // A plugin that is not connected yet gets the message when it is.
        let sent = Command::new(deployer())
            .args(["send", "--url", &self.url, "--channel", "demo"])
            .arg(format!(r#"{{"code": "{code}"}}"#))
            .current_dir(root())
            .output()
            .expect("the deployer runs");
        assert!(
            sent.status.success(),
            "{}",
            String::from_utf8_lossy(&sent.stderr)
        );
        plugin.line_with(code);
    }
}

#[test]
fn plugins_of_the_book_get_messages_on_three_nodes() {
    let stack = Stack::start();
    let node = block("plugins/node.md", "js").replace(ADDRESS, &stack.url);
    // Modules are found from the file's own directory.
    let directory = root().join("tools/node_modules/.examples");
    fs::create_dir_all(&directory).expect("`make tools` has made the directory");
    let file = directory.join(format!("{}.mjs", std::process::id()));
    fs::write(&file, node).expect("it can be written");
    stack.try_plugin(Command::new("node").arg(&file), "NODE-1");
    fs::remove_file(&file).expect("it is there");

    let python = block("plugins/python.md", "python").replace(ADDRESS, &stack.url);
    let interpreter = root().join(".cache/venv/bin/python");
    stack.try_plugin(Command::new(interpreter).args(["-c", &python]), "PYTHON-1");
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
