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

#[test]
fn each_operation_has_a_name_of_its_own_and_says_who_may_ask() {
    let document = serde_json::to_value(api().1).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} is not {method} {path} alone");
            for status in ["401", "403", "503"] {
                assert!(operation["responses"][status].is_object(), "{method} {path} {status}");
            }
        }
    }
    assert!(names.contains("get_v1_calls_id_explain") && names.len() >= 24, "{names:?}");
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    assert!(document["components"]["schemas"]["Complaint"].is_object());
}
