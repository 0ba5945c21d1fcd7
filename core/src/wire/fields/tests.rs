use alloc::format;
use alloc::string::String;

use super::*;
use crate::command::{TABLE, Target};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::record::Secret;
use crate::wire::{decode, failure_text};

/// The words with which a command with these fields is refused; empty if it is accepted.
fn words(fields: &str) -> String {
    let frame = format!(r#"{{"sessionId":"s",{fields}}}"#);
    match decode(frame.as_bytes(), &Limits::default(), &Secret::new([7; 32])) {
        Ok(_) => String::new(),
        Err(malformed) => failure_text(&Failure::Malformed(malformed), None)
            .strip_prefix("Validation failed: ")
            .expect("the frame is an object")
            .into(),
    }
}

fn check_all(cases: &[(&str, &str)]) {
    for (fields, expected) in cases {
        assert_eq!(&words(fields), expected, "{fields}");
    }
}

#[test]
fn messages_have_bounds() {
    for kind in ["prompt", "steer", "follow_up"] {
        let long = "é".repeat(200_001);
        for (message, expected) in [
            (String::new(), "message: Required string"),
            (r#","message":"""#.into(), "message: Required string"),
            (r#","message":null"#.into(), "message: Required string"),
            (format!(r#","message":"{long}""#), "message: Too long (max 200000 chars)"),
            (format!(r#","message":"{}""#, &long[2..]), ""),
            (r#","message":" ""#.into(), ""),
        ] {
            assert_eq!(words(&format!(r#""type":"{kind}"{message}"#)), expected);
        }
        for (images, expected) in [
            ("null", "images: Must be an array of image blocks"),
            ("{}", "images: Must be an array of image blocks"),
            ("[1]", "images: Must be an array of image blocks"),
            (r#"[{"type":"image","data":"x"}]"#, "images: Must be an array of image blocks"),
            (
                r#"[{"type":"text","data":"x","mimeType":"image/png"}]"#,
                "images: Must be an array of image blocks",
            ),
            (r#"[{"type":"image","data":"x","mimeType":"image/png","more":1}]"#, ""),
            ("[]", ""),
        ] {
            let fields = format!(r#""type":"{kind}","message":"x","images":{images}"#);
            assert_eq!(words(&fields), expected);
        }
    }
    check_all(&[
        (
            r#""type":"prompt","message":"x","streamingBehavior":"now""#,
            "streamingBehavior: Must be one of: steer, followUp",
        ),
        (r#""type":"prompt","message":"x","streamingBehavior":"followUp""#, ""),
    ]);
}

#[test]
fn turns_are_checked() {
    let long = "x".repeat(20_001);
    let longer = "x".repeat(200_001);
    check_all(&[
        (r#""type":"bash""#, "command: Required string"),
        (&format!(r#""type":"bash","command":"{long}""#), "command: Too long (max 20000 chars)"),
        (
            r#""type":"bash","command":"ls","excludeFromContext":1"#,
            "excludeFromContext: Must be a boolean if provided",
        ),
        (r#""type":"bash","command":"ls","excludeFromContext":true"#, ""),
        (
            r#""type":"compact","customInstructions":5"#,
            "customInstructions: Must be a string if provided",
        ),
        (
            &format!(r#""type":"compact","customInstructions":"{longer}""#),
            "customInstructions: Too long (max 200000 chars)",
        ),
        (r#""type":"compact","customInstructions":"""#, ""),
        (
            r#""type":"new_session","parentSession":1"#,
            "parentSession: Must be a string if provided",
        ),
        (r#""type":"fork""#, "entryId: Required string"),
        (&format!(r#""type":"fork","entryId":"{long}""#), "entryId: Too long (max 256 chars)"),
        (r#""type":"navigate_tree""#, "targetId: Required string"),
        (
            r#""type":"navigate_tree","targetId":"x","options":[]"#,
            "options: Must be an object if provided",
        ),
        (
            r#""type":"navigate_tree","targetId":"x","options":{"summarize":1,"label":{},
                "replaceInstructions":"","customInstructions":null}"#,
            "options.summarize: Must be a boolean if provided; \
             options.customInstructions: Must be a string if provided; \
             options.replaceInstructions: Must be a boolean if provided; \
             options.label: Must be a string if provided",
        ),
        (
            r#""type":"navigate_tree","targetId":"x","options":{"summarize":true,"label":"l",
                "replaceInstructions":false,"customInstructions":"c","other":0}"#,
            "",
        ),
    ]);
}

#[test]
fn paths_that_could_lead_astray_are_refused() {
    let long = format!("/{}", "x".repeat(4_096));
    for kind in ["load_session", "switch_session_file"] {
        for (path, expected) in [
            ("5", "sessionPath: Required string"),
            (r#""""#, "sessionPath: Required string"),
            (&*format!("\"{long}\""), "sessionPath: sessionPath too long (max 4096 chars)"),
            (
                r#""/a/../b.jsonl""#,
                "sessionPath: sessionPath contains potentially dangerous path components",
            ),
            (
                r#""~/b.jsonl""#,
                "sessionPath: sessionPath contains potentially dangerous path components",
            ),
            (
                r#""/a\u0000.jsonl""#,
                "sessionPath: sessionPath contains potentially dangerous path components",
            ),
            (r#""/a/~b.jsonl""#, ""),
        ] {
            assert_eq!(words(&format!(r#""type":"{kind}","sessionPath":{path}"#)), expected);
        }
    }
    check_all(&[
        (r#""type":"create_session","cwd":5"#, "cwd: Must be a string if provided"),
        (&format!(r#""type":"create_session","cwd":"{long}""#), "cwd: Too long (max 4096 chars)"),
        (
            r#""type":"create_session","cwd":"~""#,
            "cwd: cwd contains potentially dangerous path components",
        ),
        (r#""type":"create_session","cwd":"/a/../b""#, ""),
        (r#""type":"export_html","outputPath":false"#, "outputPath: Must be a string if provided"),
        (
            r#""type":"export_html","outputPath":"../x""#,
            "outputPath: outputPath contains potentially dangerous path components",
        ),
        (
            &format!(r#""type":"export_html","outputPath":"{long}""#),
            "outputPath: Too long (max 4096 chars)",
        ),
        (r#""type":"export_html","outputPath":"talk.html""#, ""),
    ]);
}

#[test]
fn settings_are_checked() {
    let long = "x".repeat(257);
    check_all(&[
        (r#""type":"set_model""#, "provider: Required string; modelId: Required string"),
        (
            &format!(r#""type":"set_model","provider":"{long}","modelId":"{long}""#),
            "provider: Too long (max 256 chars); modelId: Too long (max 256 chars)",
        ),
        (r#""type":"cycle_model","direction":"up""#, "direction: Must be 'forward' or 'backward'"),
        (r#""type":"cycle_model","direction":"backward""#, ""),
        (r#""type":"cycle_model""#, ""),
        (
            r#""type":"set_thinking_level","level":"huge""#,
            "level: Must be one of: off, none, minimal, low, medium, high, xhigh, max",
        ),
        (
            r#""type":"set_thinking_level""#,
            "level: Must be one of: off, none, minimal, low, medium, high, xhigh, max",
        ),
        (r#""type":"set_auto_compaction","enabled":1"#, "enabled: Required boolean"),
        (r#""type":"set_auto_retry""#, "enabled: Required boolean"),
        (r#""type":"set_session_name""#, "name: Required string"),
        (r#""type":"set_session_name","name":"""#, "name: Required string"),
        (
            &format!(r#""type":"set_session_name","name":"{long}""#),
            "name: Too long (max 256 chars)",
        ),
        (r#""type":"set_session_name","name":"a\nb""#, "name: Must not contain control characters"),
        (
            r#""type":"set_session_name","name":"a\u007f""#,
            "name: Must not contain control characters",
        ),
        (r#""type":"set_session_name","name":"é ✓""#, ""),
    ]);
    for level in OneOf::ThinkingLevel.words() {
        assert_eq!(words(&format!(r#""type":"set_thinking_level","level":"{level}""#)), "");
    }
}

#[test]
fn commands_about_the_daemon_are_checked() {
    let long = "x".repeat(4_097);
    let types = TABLE.iter().map(|row| row.name).collect::<alloc::vec::Vec<_>>().join(", ");
    let history = |fields: &str| words(&format!(r#""type":"get_command_history",{fields}"#));
    for (fields, expected) in [
        (r#""sessionIdFilter":"""#, "sessionIdFilter: Must be a non-empty string if provided"),
        (r#""commandId":" ""#, "commandId: Must be a non-empty string if provided"),
        (&*format!(r#""commandId":"{long}""#), "commandId: Too long (max 256 chars)"),
        (r#""commandType":"x""#, &*format!("commandType: Must be one of: {types}")),
        (r#""outcome":"ok""#, "outcome: Must be one of: succeeded, failed"),
        (r#""fromTimestamp":-1"#, "fromTimestamp: Must be a non-negative integer timestamp"),
        (r#""toTimestamp":"1""#, "toTimestamp: Must be a non-negative integer timestamp"),
        (
            r#""fromTimestamp":2,"toTimestamp":1"#,
            "fromTimestamp: Must be less than or equal to toTimestamp",
        ),
        (r#""limit":"5""#, "limit: Must be an integer if provided"),
        (r#""limit":1.5"#, "limit: Must be an integer if provided"),
        (r#""limit":0"#, "limit: Must be between 1 and 500"),
        (r#""limit":501"#, "limit: Must be between 1 and 500"),
        (r#""cursor":-5"#, "cursor: Must be a non-negative integer"),
        (r#""fromTimestamp":1,"toTimestamp":2,"limit":500,"cursor":0"#, ""),
    ] {
        assert_eq!(history(fields), expected, "{fields}");
    }
    check_all(&[
        (r#""type":"switch_session","cursor":"1""#, "cursor: Must be a non-negative integer"),
        (
            r#""type":"set_session_name","name":"a\u009b31m""#,
            "name: Must not contain control characters",
        ),
        (
            r#""type":"set_session_name","name":"a\u202eb""#,
            "name: Must not contain control characters",
        ),
        (r#""type":"set_interest""#, "lifecycle: Must be one of: all, related, own, none"),
        (r#""type":"cancel_command""#, "commandId: Required non-empty string"),
        (r#""type":"cancel_command","commandId":" ""#, "commandId: Required non-empty string"),
        (
            r#""type":"reconcile_command""#,
            "commandId: Required non-empty string; outcome: Must be one of: succeeded, failed",
        ),
        (
            &format!(
                r#""type":"reconcile_command","commandId":"c","outcome":"failed","note":"{long}""#
            ),
            "note: Too long (max 4096 chars)",
        ),
    ]);
}

#[test]
fn answers_of_dialogs_fit_their_method() {
    let long = "x".repeat(257);
    let methods = "response.method: Must be one of: \
                   select, confirm, input, editor, interview, cancelled";
    let answer = |request: &str, response: &str| {
        words(&format!(
            r#""type":"extension_ui_response","requestId":{request},"response":{response}"#
        ))
    };
    let fine = r#"{"method":"cancelled"}"#;
    for (request, expected) in [
        ("5", "requestId: Required string"),
        (r#""""#, "requestId: Required string"),
        (&*format!("\"{long}\""), "requestId: Too long (max 256 chars)"),
        (r#""a\tb""#, "requestId: Must contain only printable characters"),
        (r#""s.1:\"quoted\" é""#, ""),
    ] {
        assert_eq!(answer(request, fine), expected, "{request}");
    }
    for (response, expected) in [
        ("5", "response: Required object"),
        ("{}", methods),
        (r#"{"method":"notify"}"#, methods),
        (r#"{"method":"select"}"#, "response: Answer does not fit the method"),
        (r#"{"method":"input","value":5}"#, "response: Answer does not fit the method"),
        (r#"{"method":"editor","value":null}"#, "response: Answer does not fit the method"),
        (r#"{"method":"confirm","value":"x"}"#, "response: Answer does not fit the method"),
        (r#"{"method":"interview"}"#, "response: Answer does not fit the method"),
    ] {
        assert_eq!(answer(r#""r""#, response), expected, "{response}");
    }
    assert_eq!(
        words(r#""type":"extension_ui_response""#),
        "requestId: Required string; response: Required object"
    );
}

#[test]
fn a_session_of_the_table_is_one_that_the_envelope_does_not_check() {
    for row in TABLE {
        let named = fields(row.kind).iter().find(|field| field.name == "sessionId");
        match (row.target, named) {
            (Target::Server, named) => assert!(named.is_none(), "{}", row.name),
            (Target::Creates, named) => {
                assert!(named.is_some_and(|field| !field.required), "{}", row.name);
            }
            (Target::Session, named) => {
                assert!(named.is_none_or(|field| field.required), "{}", row.name);
            }
        }
    }
}
