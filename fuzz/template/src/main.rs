//! Any text, read as a template and rendered, and read as an environment file: no panic, bounded
//! time and memory.

#![no_main]

use std::path::Path;

use cloudformation::node::{json, yaml};
use cloudformation::template::{Inputs, Template};
use deployer::environment;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Err(mistakes) = environment::parse(Path::new("fuzz.yaml"), text) {
        assert!(
            !mistakes.text(false).is_empty(),
            "a refusal says what is wrong"
        );
    }
    let rendered =
        Template::parse("fuzz.yaml", text).and_then(|template| template.render(&Inputs::default()));
    match rendered {
        Err(mistakes) => assert!(
            !mistakes.text(false).is_empty(),
            "a refusal says what is wrong"
        ),
        Ok(rendered) => {
            let document = rendered.document();
            let written = yaml(&document);
            let again = cloudformation::node::read(
                "again.yaml",
                written.clone(),
                cloudformation::node::Syntax::Template,
            );
            // What is written is read as the same again, unless it has grown beyond what is read at
            // all.
            match again {
                Ok(again) => assert_eq!(json(&again), json(&document), "{written}"),
                Err(mistakes) => assert!(written.len() > 1024 * 1024, "{mistakes}\n{written}"),
            }
        }
    }
});
