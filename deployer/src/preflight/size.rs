//! The template's size: CloudFormation takes no long one with the call.

use super::Finding;
use crate::history::LARGEST_TEMPLATE;
use crate::loaded_environment::Loaded;
use crate::stack_operation::compact;

/// The share of the longest template from which on it is worth a word, in percent.
const NEARLY: usize = 95;

pub(super) fn look(loaded: &Loaded) -> Vec<Finding> {
    if loaded.options.artifacts.is_some() {
        return Vec::new();
    }
    judge(compact(&loaded.template).len())
}

fn judge(length: usize) -> Vec<Finding> {
    if length * 100 < LARGEST_TEMPLATE * NEARLY {
        return Vec::new();
    }
    let message = format!(
        "the template is {length} bytes long, of {LARGEST_TEMPLATE} that CloudFormation takes with the \
         call"
    );
    let cure = "name a bucket for it in `artifacts.bucket`, or shorten it";
    vec![Finding::warning("template", message, cure)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_is_nearly_too_long_is_told() {
        assert_eq!(judge(30_000), []);
        assert!(judge(51_000)[0].message.contains("51000 bytes long"));
    }
}
