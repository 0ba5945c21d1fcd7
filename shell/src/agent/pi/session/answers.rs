//! What pi's answers lead to: replies to calls, signs of life, or another line.

use std::time::Instant;

use pi_server_core::CommandNo;
use pi_server_core::input::{AgentEvent, AgentReady, AgentSaid, Disposition, Reply};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Pending, Phase, Session};
use crate::agent::pi::hold::Kind;
use crate::agent::pi::lines_in::Response;
use crate::agent::pi::object::{Object, quote};
use crate::agent::pi::replies::{self, Shape};
use crate::agent::pi::version::Dialect;
use crate::agent::voice::{Voice, cut};

impl Session {
    pub(super) fn response(
        &mut self,
        response: &Response<'_>,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        let found = response.id.and_then(|id| Some((id, self.pending.remove(&id)?)));
        let Some((id, pending)) = found else { return self.junk() };
        let result = match &response.result {
            Ok(data) => Ok(*data),
            Err(words) => Err(words.as_str()),
        };
        match pending {
            Pending::Start | Pending::StartCommands => self.started(&pending, result, voice),
            Pending::Refresh => self.refreshed(id, result.ok().flatten(), voice),
            Pending::Call { call, shape } => match result {
                Ok(data) => self.reply(call, shape, data, now, voice),
                Err(words) => self.fail(call, words, voice),
            },
            // Its answer came before, unless the extension failed.
            Pending::Bridged { call, shape: _ } => {
                self.fail(call, result.err().unwrap_or("the bridge did not answer"), voice);
            }
            Pending::Models { call } => match result.and_then(|data| self.model_before(data)) {
                Ok(line) => self.write(line, Pending::PreviousModel { call }),
                Err(words) => self.fail(call, words, voice),
            },
            Pending::PreviousModel { call } => match result {
                Ok(data) => self.previous_model(call, data, now, voice),
                Err(words) => self.fail(call, words, voice),
            },
            Pending::Abort { call } => {
                self.aborting -= 1;
                if let Some(call) = call {
                    self.reply(call, Shape::None, None, now, voice);
                }
            }
            Pending::Own => {}
        }
    }

    pub(super) fn bridged(&mut self, id: u64, answer: &str, now: Instant, voice: &mut Voice<'_>) {
        let Some(Pending::Bridged { call, shape }) = self.pending.remove(&id) else {
            return self.junk();
        };
        // The response to the prompt that carried the request is still to come.
        self.pending.insert(id, Pending::Own);
        let Some(answer) = Object::parse(answer) else {
            return self.fail(call, "the bridge's answer cannot be read", voice);
        };
        if answer.get("ok") == Some(true) {
            self.reply(call, shape, answer.raw("data"), now, voice);
        } else {
            let words = answer.text("error").unwrap_or_default();
            self.fail(call, &words, voice);
        }
    }

    /// One of the two signs of life.
    fn started(
        &mut self,
        which: &Pending,
        result: Result<Option<&RawValue>, &str>,
        voice: &mut Voice<'_>,
    ) {
        let Phase::Starting { info, bridge } = &mut self.phase else { return };
        if matches!(which, Pending::Start) {
            let facts = result.ok().and_then(|data| replies::info(data).ok());
            *info = Some(facts.map(|(info, _)| info).unwrap_or_default());
        } else {
            let text = result.ok().flatten().map_or("", RawValue::get);
            *bridge = Some(replies::has_bridge(text));
        }
        let (Some(_), Some(bridge)) = (&info, *bridge) else { return };
        self.info = info.take().unwrap_or_default();
        self.phase = Phase::Up;
        voice.ready(AgentReady {
            version: self.version.describe().into(),
            settles: self.version.dialect() == Dialect::New,
            disposition: self.version.says_disposition(),
            absent: self.version.absent(bridge),
            info: self.info.clone(),
        });
    }

    pub(super) fn reply(
        &mut self,
        call: CommandNo,
        shape: Shape,
        data: Option<&RawValue>,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        match shape.body(data, &self.cwd) {
            Ok(body) => {
                let disposition = shape.disposition(data);
                let said = AgentSaid::Replied { call, reply: Reply::Done(disposition) };
                if shape.replaces() {
                    self.end_torn_run(voice);
                }
                // An extension that handled a prompt may have changed anything.
                if shape.changes() || disposition == Disposition::Handled {
                    let kind = if shape == Shape::Fork { Kind::Fork } else { Kind::Plain };
                    self.say_later(said, body.into_bytes(), kind, now);
                } else {
                    self.hold.say(said, body.into_bytes(), voice);
                }
            }
            Err(words) => self.fail(call, &words, voice),
        }
    }

    /// A run that went on when the conversation was exchanged is over. The old dialect does not say
    /// so.
    fn end_torn_run(&mut self, voice: &mut Voice<'_>) {
        if std::mem::take(&mut self.running) {
            let end = AgentEvent::RunEnded { will_retry: false, failed: false };
            let body = json!({ "type": "agent_end", "messages": [], "willRetry": false });
            self.hold.say(AgentSaid::Event(end), body.to_string().into_bytes(), voice);
        }
    }

    pub(super) fn fail(&mut self, call: CommandNo, words: &str, voice: &mut Voice<'_>) {
        let said = AgentSaid::Replied { call, reply: Reply::Failed(cut(words)) };
        self.hold.say(said, Vec::new(), voice);
    }

    /// The line that sets the model before the one in use.
    fn model_before(&self, data: Option<&RawValue>) -> Result<Value, &'static str> {
        let text = data.map_or("null", RawValue::get);
        let listed: Value = serde_json::from_str(text).map_err(|_| "the models cannot be read")?;
        let models = listed["models"].as_array().map_or(&[][..], Vec::as_slice);
        let current: Value =
            serde_json::from_str(self.info.model.as_deref().unwrap_or("null")).unwrap_or_default();
        let is_current = |model: &Value| {
            model["id"] == current["id"] && model["provider"] == current["provider"]
        };
        let at = models.iter().position(is_current).unwrap_or(0);
        let before = at.checked_sub(1).unwrap_or(models.len().saturating_sub(1));
        let model = models.get(before).ok_or("the agent has no models")?;
        let (provider, id) = (&model["provider"], &model["id"]);
        Ok(json!({ "type": "set_model", "provider": provider, "modelId": id }))
    }

    fn previous_model(
        &mut self,
        call: CommandNo,
        data: Option<&RawValue>,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        match Shape::Model.body(data, &self.cwd) {
            Ok(body) => {
                let inside = body.strip_suffix('}').unwrap_or(&body);
                let level = quote(&self.info.thinking);
                let body = format!("{inside},\"thinkingLevel\":{level},\"isScoped\":false}}");
                let reply = Reply::Done(Disposition::Unspecified);
                let said = AgentSaid::Replied { call, reply };
                self.say_later(said, body.into_bytes(), Kind::Plain, now);
            }
            Err(words) => self.fail(call, &words, voice),
        }
    }
}
