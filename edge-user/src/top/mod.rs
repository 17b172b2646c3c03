//! `edge top`: what the running edge does, on a terminal, anew each second.
//!
//! It asks the admin API as anybody would, so it costs the edge two questions to the shards a second and nothing more.
//!
//! Invariant: however it ends, the terminal is as it was.

mod screen;
#[cfg(test)]
mod tests;
mod view;

use std::io;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::admin::Client;
use crate::runtime::clock;

use view::{Snapshot, View};

/// How often the edge is asked.
const EVERY: Duration = Duration::from_secs(1);

/// Shows the edge that `client` asks until the operator has seen enough.
///
/// # Errors
/// When standard output is no terminal, or no edge answers at the start. One that stops answering later is waited for.
pub fn run(client: &Client) -> anyhow::Result<()> {
    let mut view = View::new(Snapshot::take(client)?, clock::now());
    let mut terminal = ratatui::try_init()?;
    let watched = watch(&mut terminal, client, &mut view);
    ratatui::restore();
    Ok(watched?)
}

fn watch(terminal: &mut DefaultTerminal, client: &Client, view: &mut View) -> io::Result<()> {
    let mut asked = clock::now();
    loop {
        terminal.draw(|frame| screen::draw(frame, view))?;
        let patience = EVERY.saturating_sub(since(asked));
        if event::poll(patience)? {
            match event::read()? {
                Event::Key(key) if key.kind == KeyEventKind::Press => {
                    if !obey(key, view) {
                        return Ok(());
                    }
                }
                Event::Key(_)
                | Event::FocusGained
                | Event::FocusLost
                | Event::Mouse(_)
                | Event::Paste(_)
                | Event::Resize(..) => {}
            }
        }
        if since(asked) >= EVERY {
            asked = clock::now();
            view.take_in(Snapshot::take(client), asked);
        }
    }
}

fn since(then: Instant) -> Duration {
    clock::now().saturating_duration_since(then)
}

/// Says whether to go on.
fn obey(key: KeyEvent, view: &mut View) -> bool {
    let ends = key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c');
    #[expect(clippy::wildcard_enum_match_arm, reason = "a keyboard has more keys than this view has uses")]
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return false,
        KeyCode::Down | KeyCode::Char('j') => view.scroll(1),
        KeyCode::Up | KeyCode::Char('k') => view.scroll(-1),
        KeyCode::PageDown => view.scroll(20),
        KeyCode::PageUp => view.scroll(-20),
        _ => {}
    }
    !ends
}
