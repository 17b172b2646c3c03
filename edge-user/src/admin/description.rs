//! What the API's document says that no function says of itself: names that tell operations apart, who may ask, and what whoever
//! asks may hear.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};

/// The token, as operations name it.
const TOKEN: &str = "token";

/// What every question may be answered with: the statuses of [`super::access`], and of an edge that is busy.
const ANYWHERE: [(&str, &str); 3] = [
    ("401", "A token is needed where the API is not on loopback: Authorization: Bearer."),
    ("403", "Where no token is needed, only this host may ask, by its address."),
    ("503", "Nobody answered in time."),
];

/// The document, with all of that.
pub(super) fn completed(mut description: OpenApi) -> OpenApi {
    for (path, item) in &mut description.paths.paths {
        for (method, operation) in operations(item) {
            operation.operation_id = Some(name(method, path));
            for (status, why) in ANYWHERE {
                operation.responses.responses.entry(status.to_owned()).or_insert_with(|| complaint(why));
            }
        }
    }
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    description.components.get_or_insert_with(Components::new).add_security_scheme(TOKEN, scheme);
    // Who asks over the unix socket or on loopback needs none.
    let token = SecurityRequirement::new(TOKEN, [] as [&str; 0]);
    description.security = Some(vec![SecurityRequirement::default(), token]);
    description
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let methods = [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("patch", &mut item.patch),
        ("delete", &mut item.delete),
    ];
    methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// `get_v1_calls_id_explain` of `GET /v1/calls/{id}/explain`.
fn name(method: &str, path: &str) -> String {
    let words = path.split('/').map(|word| word.trim_matches(['{', '}'])).filter(|word| !word.is_empty());
    words.fold(method.to_owned(), |name, word| format!("{name}_{word}"))
}

fn complaint(why: &str) -> RefOr<Response> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Complaint"))).build();
    RefOr::T(ResponseBuilder::new().description(why).content("application/json", content).build())
}
