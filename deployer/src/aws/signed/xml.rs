//! Answers in XML, as far as they are read: elements by their local name.

pub(in crate::aws) use roxmltree::Document as Xml;
use roxmltree::Node;

/// The text of a child; empty where there is none.
pub(in crate::aws) fn text<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    let mut children = node.children();
    let child = children.find(|child| child.tag_name().name() == name);
    child.and_then(|child| child.text()).unwrap_or_default()
}

/// The items of a list: the elements within the child of this name.
pub(in crate::aws) fn items<'a, 'input: 'a>(
    node: Node<'a, 'input>,
    name: &str,
) -> impl Iterator<Item = Node<'a, 'input>> + use<'a, 'input> {
    let mut children = node.children();
    let list = children.find(|child| child.tag_name().name() == name);
    let items = list.into_iter().flat_map(|list| list.children());
    items.filter(|item| item.is_element())
}
