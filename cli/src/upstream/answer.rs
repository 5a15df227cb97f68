//! The bodies that a provider answers with.

use serde::Deserialize;
use serde_json::{Value, json};

/// What is read of a request for a completion.
#[derive(Debug, Deserialize)]
struct ChatRequest {
    model: String,
    messages: Vec<Value>,
}

/// The answer to request number `n`, or what is wrong with the request.
pub(super) fn chat(body: &[u8], n: u64) -> Result<Vec<u8>, String> {
    let request: ChatRequest = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let text = format!("answer {n} to {} messages", request.messages.len());
    // Four bytes a token is the usual rule of thumb.
    let (prompt, completion) = (body.len().div_ceil(4), text.len().div_ceil(4));
    let answer = json!({
        "id": format!("chatcmpl-{n}"),
        "object": "chat.completion",
        "created": 0,
        "model": request.model,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": text },
            "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        },
    });
    Ok(answer.to_string().into_bytes())
}

/// The list of models.
pub(super) fn models() -> Vec<u8> {
    let model = json!({ "id": "small", "object": "model", "created": 0, "owned_by": "bifrost" });
    json!({ "object": "list", "data": [model] }).to_string().into_bytes()
}

/// An error in the shape that clients of this API know.
pub(super) fn error(status: u16, message: &str) -> Vec<u8> {
    let kind = if status < 500 { "invalid_request_error" } else { "server_error" };
    json!({ "error": { "message": message, "type": kind } }).to_string().into_bytes()
}
