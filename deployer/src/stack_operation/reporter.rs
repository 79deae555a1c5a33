//! Where notices go: lines for a pipeline, objects for a program. A screen has a file of its own.

use std::cell::RefCell;
use std::io::Write;

use super::Notice;

/// Takes what there is to tell.
pub trait Reporter {
    /// Tells one thing.
    fn tell(&mut self, notice: &Notice);
}

/// One reporter for a watch and whoever speaks beside it.
impl Reporter for &RefCell<Box<dyn Reporter>> {
    fn tell(&mut self, notice: &Notice) {
        self.borrow_mut().tell(notice);
    }
}

/// A plain line for each notice, as pipelines keep them.
#[derive(Debug)]
pub struct Lines<W>(pub W);

impl<W: Write> Reporter for Lines<W> {
    fn tell(&mut self, notice: &Notice) {
        let text = notice.text();
        if !text.is_empty() {
            // A reader that is gone does not change what AWS does.
            let _ = writeln!(self.0, "{text}");
        }
    }
}

/// An object a line for each notice.
#[derive(Debug)]
pub struct JsonLines<W>(pub W);

impl<W: Write> Reporter for JsonLines<W> {
    fn tell(&mut self, notice: &Notice) {
        if let Some(object) = notice.json() {
            let _ = writeln!(self.0, "{object}");
        }
    }
}
