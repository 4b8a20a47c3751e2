//! Writes `GET /v1/models` and `GET /v1/models/{id}`.

use bytes::Bytes;
use serde::Serialize;

/// One model, persona or agent a client can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Model<'a> {
    /// What to put into `model`.
    pub id: &'a str,
    /// Always [`Model::OBJECT`].
    pub object: &'static str,
    /// Unix seconds.
    pub created: u64,
    /// Who runs it.
    pub owned_by: &'a str,
}

impl Model<'_> {
    /// The kind of object, in OpenAI's words.
    pub const OBJECT: &'static str = "model";
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: &'a [Model<'a>],
}

/// Writes the list.
#[must_use]
pub fn models(data: &[Model<'_>]) -> Bytes {
    serde_json::to_vec(&List { object: "list", data })
        .expect("texts and numbers encode")
        .into()
}

/// Writes one model.
#[must_use]
pub fn model(model: &Model<'_>) -> Bytes {
    serde_json::to_vec(model)
        .expect("texts and numbers encode")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_listed_in_the_order_given() {
        let model = |id| Model {
            id,
            object: Model::OBJECT,
            created: 7,
            owned_by: "atp",
        };
        assert_eq!(
            &models(&[model("b"), model("a")])[..],
            br#"{"object":"list","data":[{"id":"b","object":"model","created":7,"owned_by":"atp"},{"id":"a","object":"model","created":7,"owned_by":"atp"}]}"#
        );
    }
}
