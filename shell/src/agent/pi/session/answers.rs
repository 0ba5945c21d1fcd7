//! What pi's answers lead to: replies to calls, signs of life, or another line.

use std::time::Instant;

use pi_server_core::CommandNo;
use pi_server_core::input::{AgentEvent, AgentReady, AgentSaid, Disposition, Reply};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Asked, Pending, Phase, Run, Session, Waiting};
use crate::agent::pi::facts::Facts;
use crate::agent::pi::hold::Kind;
use crate::agent::pi::lines_in::{self, Response};
use crate::agent::pi::object::{Object, quote};
use crate::agent::pi::replies::{self, Shape};
use crate::agent::pi::tidy::tidy;
use crate::agent::pi::version::Dialect;
use crate::agent::voice::{Voice, cut};

impl Session {
    pub(super) fn response(
        &mut self,
        response: &Response<'_>,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        let Some((id, pending)) = self.answered(response) else { return self.noise.line() };
        let result = match &response.result {
            Ok(data) => Ok(*data),
            Err(words) => Err(words.as_str()),
        };
        match pending {
            Pending::Start | Pending::StartCommands => self.started(&pending, result, now, voice),
            Pending::Refresh => self.refreshed(id, result.ok().flatten(), voice),
            Pending::Idle { call } => self.asked_if_idle(call, result, now, voice),
            Pending::Call { call, shape } => match result {
                Ok(data) => self.reply(call, shape, data, now, voice),
                Err(words) => self.fail(call, words, voice),
            },
            // Its answer came before, unless the extension failed.
            Pending::Bridged { call, shape: _ } => {
                self.fail(call, result.err().unwrap_or("the bridge did not answer"), voice);
            }
            Pending::Models { call } => {
                let line = result.map_err(str::to_owned).and_then(|data| self.model_before(data));
                match line {
                    Ok(line) => self.write(line, Pending::PreviousModel { call }),
                    Err(words) => self.fail(call, &words, voice),
                }
            }
            Pending::PreviousModel { call } => match result {
                Ok(data) => self.previous_model(call, data, now, voice),
                Err(words) => self.fail(call, words, voice),
            },
            Pending::Abort { call } => {
                self.aborting = self.aborting.saturating_sub(1);
                if let Some(call) = call {
                    self.reply(call, Shape::None, None, now, voice);
                }
            }
            Pending::Own => {}
        }
    }

    /// The line that a response answers. One without an id that can be read answers the only line of
    /// its type, if there is just one.
    fn answered(&mut self, response: &Response<'_>) -> Option<(u64, Pending)> {
        let id = response.id.or_else(|| {
            let command = response.command.as_deref()?;
            let mut lines = self.pending.iter().filter(|(_, waiting)| waiting.line == command);
            let (id, _) = lines.next()?;
            let only = lines.next().is_none().then_some(*id);
            self.noise.unreadable("id");
            only
        })?;
        Some((id, self.pending.remove(&id)?.pending))
    }

    pub(super) fn bridged(&mut self, id: u64, answer: &str, now: Instant, voice: &mut Voice<'_>) {
        let waiting = self.pending.get_mut(&id);
        let Some(Waiting { pending, .. }) = waiting else { return self.noise.line() };
        let &mut Pending::Bridged { call, shape } = pending else { return self.noise.line() };
        // The response to the prompt that carried the request is still to come.
        *pending = Pending::Own;
        let answer = tidy(answer);
        let Some(answer) = Object::parse(&answer) else {
            return self.fail(call, "the bridge's answer cannot be read", voice);
        };
        if answer.get("ok") == Some(true) {
            self.reply(call, shape, answer.raw("data"), now, voice);
        } else {
            let words = lines_in::reason(answer.raw("error"), &mut self.noise);
            self.fail(call, &words, voice);
        }
    }

    /// One of the two signs of life.
    fn started(
        &mut self,
        which: &Pending,
        result: Result<Option<&RawValue>, &str>,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        if matches!(self.phase, Phase::Up) {
            return;
        }
        let data = result.ok().flatten();
        if matches!(which, Pending::Start) {
            let facts = Facts::read(data, &mut self.noise);
            let now_known = facts.over(&self.info);
            let known = std::mem::replace(&mut self.info, now_known);
            self.apply_again(known);
        } else {
            self.bridge = Some(replies::has_bridge(data, &mut self.noise));
        }
        let starts =
            |waiting: &Waiting| matches!(waiting.pending, Pending::Start | Pending::StartCommands);
        let (false, Some(bridge)) = (self.pending.values().any(starts), self.bridge) else {
            return;
        };
        self.phase = Phase::Up;
        if let Some(calls) = self.again.replace(Vec::new()) {
            voice.info(self.info.clone());
            for Asked { call, kind, fields } in calls {
                self.call(call, kind, &fields, now, voice);
            }
            return;
        }
        self.again = None;
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
        match shape.body(data, &self.cwd, &mut self.noise) {
            Ok((body, kind)) => {
                let disposition = shape.disposition(data);
                let said = AgentSaid::Replied { call, reply: Reply::Done(disposition) };
                if matches!(kind, Kind::Fork | Kind::Replaced) {
                    self.end_torn_run(voice);
                }
                if disposition == Disposition::Unspecified {
                    self.accepted(call, shape, now);
                }
                // An extension that handled a prompt may have changed anything.
                if shape.changes() || disposition == Disposition::Handled {
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
        if self.run == Run::Going {
            self.run = Run::Settled;
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
    fn model_before(&mut self, data: Option<&RawValue>) -> Result<Value, String> {
        let (listed, _) = Shape::Models.body(data, &self.cwd, &mut self.noise)?;
        let listed: Value = serde_json::from_str(&listed).unwrap_or_default();
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
        match Shape::Model.body(data, &self.cwd, &mut self.noise) {
            Ok((body, kind)) => {
                let inside = body.strip_suffix('}').unwrap_or(&body);
                let level = quote(&self.info.thinking);
                let body = format!("{inside},\"thinkingLevel\":{level},\"isScoped\":false}}");
                let reply = Reply::Done(Disposition::Unspecified);
                let said = AgentSaid::Replied { call, reply };
                self.say_later(said, body.into_bytes(), kind, now);
            }
            Err(words) => self.fail(call, &words, voice),
        }
    }
}
