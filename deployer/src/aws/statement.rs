//! Statements of a live web ACL's rules.

use aws_model::{ComparedPath, RequestPart, Statement, lowers};
use aws_sdk_wafv2::types;

/// What a rule looks at.
pub(super) fn read(statement: Option<&types::Statement>) -> Statement {
    let Some(statement) = statement else {
        return Statement::Unknown;
    };
    let several = |all: &[types::Statement]| all.iter().map(|one| read(Some(one))).collect();
    if let Some(and) = statement.and_statement() {
        return Statement::And(several(and.statements()));
    }
    if let Some(or) = statement.or_statement() {
        return Statement::Or(several(or.statements()));
    }
    if let Some(not) = statement.not_statement() {
        return Statement::Not(Box::new(read(not.statement())));
    }
    if let Some(rate) = statement.rate_based_statement() {
        return Statement::Rate(Box::new(scope(rate.scope_down_statement())));
    }
    if let Some(bytes) = statement.byte_match_statement() {
        return match part(bytes.field_to_match()) {
            RequestPart::Path => path(bytes).map_or(Statement::Other, Statement::Path),
            part => part.statement(),
        };
    }
    let size = statement.size_constraint_statement();
    let regex = statement.regex_match_statement();
    let set = statement.regex_pattern_set_reference_statement();
    let compared = size
        .map(|one| one.field_to_match())
        .or(regex.map(|one| one.field_to_match()))
        .or(set.map(|one| one.field_to_match()));
    match compared {
        Some(field) => part(field).statement(),
        None if is_about_the_sender(statement) => Statement::Other,
        None => Statement::Unknown,
    }
}

/// What limits a rate or a managed group.
pub(super) fn scope(statement: Option<&types::Statement>) -> Statement {
    statement.map_or(Statement::All, |one| read(Some(one)))
}

/// Whether it looks at where a request is from, at labels, or for attacks.
fn is_about_the_sender(statement: &types::Statement) -> bool {
    statement.geo_match_statement().is_some()
        || statement.ip_set_reference_statement().is_some()
        || statement.label_match_statement().is_some()
        || statement.asn_match_statement().is_some()
        || statement.sqli_match_statement().is_some()
        || statement.xss_match_statement().is_some()
}

fn part(field: Option<&types::FieldToMatch>) -> RequestPart {
    let Some(field) = field else {
        return RequestPart::Unknown;
    };
    if let Some(header) = field.single_header() {
        return RequestPart::header(header.name());
    }
    let content = field.body().is_some()
        || field.json_body().is_some()
        || field.headers().is_some()
        || field.header_order().is_some();
    let other = field.query_string().is_some()
        || field.single_query_argument().is_some()
        || field.all_query_arguments().is_some()
        || field.method().is_some()
        || field.cookies().is_some();
    match () {
        () if field.uri_path().is_some() => RequestPart::Path,
        () if content => RequestPart::Content,
        () if other => RequestPart::Other,
        () => RequestPart::Unknown,
    }
}

/// A comparison of a path; none where a transformation may change it.
fn path(bytes: &types::ByteMatchStatement) -> Option<ComparedPath> {
    let mut lower_case = false;
    for one in bytes.text_transformations() {
        lower_case |= lowers(one.r#type().as_str())?;
    }
    Some(ComparedPath {
        how: bytes.positional_constraint().as_str().to_owned(),
        text: String::from_utf8(bytes.search_string().as_ref().to_vec()).ok()?,
        lower_case,
    })
}
