//! A stand-in for a model service, so that the real agent can be driven without a network: an
//! OpenAI-style chat-completions service on the loopback interface. What it answers is written in
//! the newest user message, so that one stand-in serves any number of agents:
//!
//! | Tag | Effect |
//! |---|---|
//! | `[say:TEXT]` | answers with TEXT (otherwise with an echo) |
//! | `[words:N]` | answers with N numbered words |
//! | `[think:TEXT]` | thinks TEXT first (model `fake-think`) |
//! | `[delay:MS]` | waits before each streamed piece |
//! | `[tool:CMD]` | has the agent run CMD with its bash tool first; may be repeated |
//! | `[error:CODE]`, `[error:CODE*N]` | answers with that status, always or N times |
//! | `[drop:N]` | breaks off after N pieces |

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// A stand-in that listens until the process ends.
pub struct Provider {
    address: SocketAddr,
}

/// How often each failing request was made.
type Tries = Arc<Mutex<HashMap<String, u32>>>;

impl Provider {
    /// Starts it on a free port.
    pub fn start() -> io::Result<Provider> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let tries = Tries::default();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let tries = Arc::clone(&tries);
                // A client that goes away in the middle, after an abort say, is no failure.
                std::thread::spawn(move || drop(serve(&stream, &tries)));
            }
        });
        Ok(Provider { address })
    }

    /// Writes the settings that make an agent use it into an agent folder.
    pub fn configure(&self, agent_folder: &Path) -> io::Result<()> {
        let model = |id: &str, reasoning: bool, window: u32| {
            json!({
                "id": id, "name": id, "reasoning": reasoning, "contextWindow": window,
                "maxTokens": 4096,
            })
        };
        let models = json!({ "providers": { "fake": {
            "baseUrl": format!("http://{}/v1", self.address),
            "api": "openai-completions",
            "apiKey": "not-a-secret",
            "headers": { "X-Not-For-Clients": "yes" },
            "compat": { "supportsDeveloperRole": false, "supportsReasoningEffort": false },
            "models": [
                model("fake-1", false, 128_000),
                model("fake-2", false, 128_000),
                model("fake-think", true, 128_000),
            ],
        } } });
        let settings = json!({
            "defaultProvider": "fake", "defaultModel": "fake-1", "quietStartup": true,
            "enableInstallTelemetry": false,
            "retry": {
                "enabled": true, "maxRetries": 3, "baseDelayMs": 100,
                "provider": { "maxRetries": 0 },
            },
            "compaction": { "enabled": true, "reserveTokens": 2000, "keepRecentTokens": 20 },
        });
        std::fs::create_dir_all(agent_folder)?;
        std::fs::write(agent_folder.join("models.json"), models.to_string())?;
        std::fs::write(agent_folder.join("settings.json"), settings.to_string())
    }
}

fn serve(stream: &TcpStream, tries: &Tries) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        answer(stream, &body, tries)?;
    }
}

/// What a message asks for.
#[derive(Default)]
struct Wish {
    say: Option<String>,
    think: Option<String>,
    delay: Duration,
    drop: Option<usize>,
    error: Option<String>,
    tools: Vec<String>,
}

fn answer(stream: &TcpStream, request: &Value, tries: &Tries) -> io::Result<()> {
    let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let summarises =
        messages.first().is_some_and(|first| text(first).contains("summarization assistant"));
    let last = messages.iter().rposition(|message| message["role"] == "user").unwrap_or(0);
    let wish = if summarises {
        Wish { say: Some("A summary of what was said.".to_owned()), ..Wish::default() }
    } else {
        read(&messages.get(last).map(text).unwrap_or_default())
    };
    if let Some(code) = failing(&wish, request, tries) {
        return fail(stream, &code);
    }
    let calls = messages.iter().skip(last + 1);
    let made = calls.filter(|message| message["tool_calls"].is_array()).count();
    match wish.tools.get(made) {
        Some(command) => stream_tool_call(stream, request, &wish, command),
        None => stream_text(stream, request, &wish),
    }
}

fn text(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

fn read(message: &str) -> Wish {
    let mut wish = Wish::default();
    let mut rest = message;
    let mut echo = String::from("echo: ");
    while let Some(open) = rest.find('[') {
        let Some(close) = rest[open..].find(']') else { break };
        let tag = &rest[open + 1..open + close];
        let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
        match name {
            "say" => wish.say = Some(value.to_owned()),
            "think" => wish.think = Some(value.to_owned()),
            "words" => {
                let words = (0..value.parse().unwrap_or(1)).map(|n: u32| format!("w{n}"));
                wish.say = Some(words.collect::<Vec<_>>().join(" "));
            }
            "delay" => wish.delay = Duration::from_millis(value.parse().unwrap_or(0)),
            "drop" => wish.drop = value.parse().ok(),
            "error" => wish.error = Some(value.to_owned()),
            "tool" => wish.tools.push(value.to_owned()),
            _ => echo.push_str(&rest[..=open + close]),
        }
        rest = &rest[open + close + 1..];
    }
    echo.push_str(rest);
    wish.say.get_or_insert(echo);
    wish
}

/// The status to fail with, while there are failures left.
fn failing(wish: &Wish, request: &Value, tries: &Tries) -> Option<String> {
    let (code, times) = match wish.error.as_deref()?.split_once('*') {
        Some((code, times)) => (code, times.parse().unwrap_or(1)),
        None => (wish.error.as_deref()?, u32::MAX),
    };
    let mut tries = tries.lock().ok()?;
    let count = tries.entry(request["messages"].to_string()).or_insert(0);
    *count += 1;
    (*count <= times).then(|| code.to_owned())
}

fn fail(mut stream: &TcpStream, code: &str) -> io::Result<()> {
    let body = json!({ "error": {
        "message": format!("the stand-in fails with {code}"), "type": "fake", "code": code,
    } })
    .to_string();
    write!(
        stream,
        "HTTP/1.1 {code} Failing\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn stream_text(stream: &TcpStream, request: &Value, wish: &Wish) -> io::Result<()> {
    let mut pieces = vec![json!({ "role": "assistant", "content": "" })];
    let words = |text: &Option<String>| -> Vec<String> {
        let text = text.clone().unwrap_or_default();
        text.split_inclusive(' ').map(str::to_owned).collect()
    };
    pieces.extend(words(&wish.think).iter().map(|word| json!({ "reasoning_content": word })));
    pieces.extend(words(&wish.say).iter().map(|word| json!({ "content": word })));
    send(stream, request, wish, &pieces, "stop")
}

fn stream_tool_call(
    stream: &TcpStream,
    request: &Value,
    wish: &Wish,
    command: &str,
) -> io::Result<()> {
    let id = format!("call_{}", request["messages"].as_array().map_or(0, Vec::len));
    let arguments = json!({ "command": command }).to_string();
    let call = |call: Value| json!({ "tool_calls": [call] });
    let pieces = [
        json!({ "role": "assistant", "content": "" }),
        call(json!({
            "index": 0, "id": id, "type": "function",
            "function": { "name": "bash", "arguments": "" },
        })),
        call(json!({ "index": 0, "function": { "arguments": arguments } })),
    ];
    send(stream, request, wish, &pieces, "tool_calls")
}

fn send(
    mut stream: &TcpStream,
    request: &Value,
    wish: &Wish,
    pieces: &[Value],
    reason: &str,
) -> io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    let mut event = |choices: Value, usage: Option<Value>| -> io::Result<()> {
        let mut event = json!({
            "id": "fake", "object": "chat.completion.chunk", "created": 0,
            "model": request["model"], "choices": choices,
        });
        if let Some(usage) = usage {
            event["usage"] = usage;
        }
        write!(stream, "data: {event}\n\n")?;
        stream.flush()
    };
    for (number, piece) in pieces.iter().enumerate() {
        if wish.drop.is_some_and(|drop| number >= drop) {
            return stream.shutdown(std::net::Shutdown::Both);
        }
        std::thread::sleep(wish.delay);
        event(json!([{ "index": 0, "delta": piece, "finish_reason": null }]), None)?;
    }
    event(json!([{ "index": 0, "delta": {}, "finish_reason": reason }]), None)?;
    let usage = json!({
        "prompt_tokens": 100, "completion_tokens": pieces.len(),
        "total_tokens": 100 + pieces.len(),
    });
    event(json!([]), Some(usage))?;
    stream.write_all(b"data: [DONE]\n\n")?;
    stream.shutdown(std::net::Shutdown::Both)
}
