//! The API's document.

use super::api;

/// The routes of the document are a promise to whoever automates by them.
#[test]
fn the_document_lists_every_route() {
    let (_, document) = api();
    let mut routes: Vec<String> = Vec::new();
    for (path, item) in &document.paths.paths {
        let methods =
            [("GET", item.get.is_some()), ("POST", item.post.is_some()), ("DELETE", item.delete.is_some())];
        routes
            .extend(methods.iter().filter(|(_, there)| *there).map(|(method, _)| format!("{method} {path}")));
    }
    insta::assert_snapshot!(routes.join("\n"), @r"
    GET /healthz
    GET /metrics
    GET /readyz
    GET /v1/calls
    GET /v1/calls/{id}
    DELETE /v1/calls/{id}
    GET /v1/calls/{id}/capture
    GET /v1/calls/{id}/explain
    GET /v1/config
    GET /v1/counters
    GET /v1/flows
    GET /v1/node
    POST /v1/reload
    GET /v1/route/explain
    GET /v1/shield
    POST /v1/shield/allow
    POST /v1/shield/deny
    POST /v1/shield/forget
    GET /v1/trunks
    GET /v1/trunks/{name}
    POST /v1/trunks/{name}/disable
    POST /v1/trunks/{name}/drain
    POST /v1/trunks/{name}/enable
    POST /v1/trunks/{name}/test
    ");
}
