//! What follows from what a shard was told: orders to the datapath, messages, records, the journal.

use crossbeam::channel::TrySendError;
use edge_core::call::CallKey;
use edge_core::edge::Conduct;
use edge_core::{Command, Input};

use crate::cdr::Entry;
use crate::datapath::{InstallError, Installed};
use crate::journal::Note;
use crate::shield::Offence;

use super::super::clock;
use super::{Notice, Running};

impl Running {
    /// Does all that follows from what the edge was told.
    pub(super) fn carry_out(&mut self) {
        loop {
            self.obey();
            if self.let_go() {
                break;
            }
        }
        self.tests.tell(&mut self.host.edge);
        self.tell_others();
    }

    /// The same, but nothing leaves yet.
    pub(super) fn obey(&mut self) {
        while let Some(command) = self.host.edge.poll() {
            match command {
                Command::Send { path, bytes } => self.dispatch(path, bytes),
                Command::InstallMedia { call, plan } => {
                    if let Some(former) = self.media.remove(&call) {
                        self.host.datapath.remove(former);
                    }
                    let outcome = match self.host.datapath.install(&plan) {
                        Ok(installed) => {
                            self.media.insert(call, installed);
                            Input::MediaInstalled { call }
                        }
                        Err(error) => Input::MediaRefused { call, refusal: error.into() },
                    };
                    self.host.edge.handle(outcome, clock::now());
                }
                Command::UpdateMedia { call, plan } => {
                    let Some(installed) = self.media.get_mut(&call) else { continue };
                    let outcome = self.host.datapath.update(installed, &plan);
                    self.answer(call, outcome);
                }
                Command::CheckMedia { call, plan } => {
                    let outcome = self.host.datapath.check(&plan);
                    self.answer(call, outcome);
                }
                Command::SendDigit { call, from, digit } => self.order_digit(call, from, digit),
                Command::WithdrawDigit { call, from } => self.withdraw_digit(call, from),
                Command::ListenTo { call } => {
                    let Some(installed) = self.media.get(&call) else { continue };
                    let heard = self.host.datapath.last_heard(installed, clock::monotonic_ns());
                    self.host.edge.handle(Input::MediaHeard { call, heard }, clock::now());
                }
                Command::RemoveMedia { call } => {
                    let Some(installed) = self.media.remove(&call) else { continue };
                    let reports = Box::new(self.host.datapath.remove(installed));
                    self.host.edge.handle(Input::MediaRemoved { call, reports }, clock::now());
                }
                Command::PlayTone { call, tone } => self.host.tones.play(call, tone),
                Command::StopTone { call } => self.host.tones.stop(call),
                Command::WriteRecord(record) => self.leaving.entries.push(Entry::Record(record)),
                Command::Journal { call, entry } => {
                    let media = self.media.get(&call).map_or(0, Installed::number);
                    self.leaving.notes.push(Note::Write { call, media, entry });
                }
                Command::Forget { call } => self.leaving.entries.push(Entry::Then(Note::Forget { call })),
                Command::Judge { source, conduct: Conduct::Proven } => self.host.shield.befriend(source),
                Command::Judge { source, conduct: Conduct::Arrived(realm) } => {
                    self.host.shield.welcome(realm, source);
                }
                Command::Judge { source, conduct: Conduct::Refused } => {
                    self.host.shield.offended(source, Offence::Password);
                }
                Command::Drained => drop(self.host.drained.try_send(())),
            }
        }
    }

    /// Notes for a shard that is full wait here: no shard waits for another.
    fn tell_others(&mut self) {
        let shards = &self.host.shards;
        self.host.edge.send_notes(|shard, note| {
            match shards.get(shard).map(|shard| shard.try_send(Notice::Told(note))) {
                Some(Err(TrySendError::Full(Notice::Told(note)))) => Err(note),
                // One that has ended needs to know nothing.
                Some(Ok(()) | Err(_)) | None => Ok(()),
            }
        });
    }

    /// Tells the call what the datapath says to a change.
    fn answer(&mut self, call: CallKey, outcome: Result<(), InstallError>) {
        let answer = match outcome {
            Ok(()) => Input::MediaAccepted { call },
            Err(error) => Input::MediaRefused { call, refusal: error.into() },
        };
        self.host.edge.handle(answer, clock::now());
    }
}
