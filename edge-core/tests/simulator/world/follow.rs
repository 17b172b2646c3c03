//! What follows from a fact, in the order in which the process does it.

use edge_core::media::MediaRefusal;
use edge_core::policy::DelayedOffer;
use edge_core::{Command, Input};

use super::World;
use super::media::check_hiding;
use crate::policy::EDGE;

impl World {
    /// Does what follows from a fact, as the process does: what peers and the disk of records are to know leaves only when the
    /// journal has all of it, in one piece. Says whether the edge has lived through it.
    pub(super) fn follow(&mut self) -> bool {
        let (mut written, mut leaving) = (Vec::new(), Vec::new());
        while let Some((shard, command)) = self.shards.poll() {
            self.shards.note_call_of(shard, &command);
            self.check_message(&command);
            let leaves =
                matches!(command, Command::Send { .. } | Command::WriteRecord(_) | Command::Forget { .. });
            if leaves {
                leaving.push(command);
            } else if matches!(command, Command::Journal { .. }) {
                written.push(command);
            } else if self.is_struck() {
                return false;
            } else {
                self.carry_out(command);
            }
        }
        if !written.is_empty() {
            if self.is_struck() {
                return false;
            }
            written.into_iter().for_each(|command| self.carry_out(command));
        }
        for command in leaving {
            if self.is_struck() {
                return false;
            }
            self.carry_out(command);
        }
        true
    }

    /// What must hold of every message.
    fn check_message(&mut self, command: &Command) {
        let Command::Send { path, bytes } = command else { return };
        let realm = path.listener.realm.index();
        let text = String::from_utf8_lossy(bytes);
        self.check_sdp(realm, &text);
        let body = text.find("\r\n\r\n").unwrap_or(text.len());
        let direct = text.contains("\r\nm=") && !text.contains(&format!("c=IN IP4 {}", EDGE[realm].ip()));
        check_hiding(realm, if direct { &text[..body] } else { &text });
        let wants = self.policy.trunks[0].delayed_offer == DelayedOffer::Convert;
        let silent = text.starts_with("INVITE ") && !text.contains("\r\nm=");
        // Within a call whose media is left out, only who receives it can offer anything.
        let direct = self.policy.trunks.iter().any(|trunk| trunk.media.direct);
        let within = text.lines().any(|line| line.starts_with("To: ") && line.contains(";tag="));
        assert!(!(wants && silent) || direct && within, "an INVITE without an offer: {text}");
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Send { path, bytes } => {
                let from = EDGE[path.listener.realm.index()];
                self.network.send(from, path.peer, &bytes, &mut self.dice, self.now);
            }
            Command::InstallMedia { call, plan } => self.install(call, plan),
            Command::UpdateMedia { call, plan } => {
                assert!(self.installed.contains_key(&call), "an update before its installation");
                let heard = plan.streams.iter().any(|stream| stream.b.remote.is_some());
                assert!(
                    !heard || !self.playing.contains_key(&call),
                    "a tone over what the called side sends"
                );
                if self.update_refused {
                    let refusal = MediaRefusal::Address { reason: "no route".to_owned() };
                    return self.answer_media(call, Input::MediaRefused { call, refusal });
                }
                self.note_media(&plan);
                self.installed.insert(call, plan.clone());
                self.plans.insert(call, plan);
                self.answer_media(call, Input::MediaAccepted { call });
            }
            Command::CheckMedia { call, .. } => self.answer_media(call, Input::MediaAccepted { call }),
            Command::PlayTone { call, tone } => self.play(call, tone),
            Command::StopTone { call } => assert!(self.playing.remove(&call).is_some(), "nothing is played"),
            Command::RemoveMedia { call } => {
                assert!(!self.playing.contains_key(&call), "a tone outlives its call");
                assert!(self.installed.remove(&call).is_some(), "only what is installed is removed");
                let reports = Box::default();
                self.soon(Input::MediaRemoved { call, reports });
            }
            Command::WriteRecord(record) => self.keep(*record),
            Command::Journal { call, entry } => self.crashes.journal(call, Some(entry)),
            Command::Forget { call } => self.crashes.journal(call, None),
            Command::Judge { .. } => {}
            Command::SendDigit { call, from, .. } => {
                assert!(self.installed.contains_key(&call), "a digit rides on media");
                self.soon(Input::DigitSent { call, side: from });
            }
            Command::WithdrawDigit { .. } => {}
            Command::ListenTo { call } => self.listen_to(call),
            Command::Drained => self.drained = self.shards.drained(),
        }
    }
}
