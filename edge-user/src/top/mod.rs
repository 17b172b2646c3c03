//! `edge top`: what the running edge does, on a terminal, anew each second or as seldom as is wanted.
//!
//! It asks the admin API as anybody would, so it costs the edge two questions to the shards each time and nothing more.
//!
//! Invariant: however it ends, the terminal is as it was.

mod order;
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

use order::Order;
use view::{Snapshot, View};

/// Shows the edge that `client` asks, each `every_s` seconds, until the operator has seen enough.
///
/// # Errors
/// When standard output is no terminal, or no edge answers at the start. One that stops answering later is waited for.
pub fn run(client: &Client, every_s: u64) -> anyhow::Result<()> {
    let mut view = View::new(Snapshot::take(client)?, clock::now(), every_s);
    let mut terminal = ratatui::try_init()?;
    let watched = watch(&mut terminal, client, &mut view);
    ratatui::restore();
    Ok(watched?)
}

fn watch(terminal: &mut DefaultTerminal, client: &Client, view: &mut View) -> io::Result<()> {
    let mut asked = clock::now();
    loop {
        terminal.draw(|frame| screen::draw(frame, view))?;
        let every = Duration::from_secs(view.every_s);
        if event::poll(every.saturating_sub(since(asked)))? {
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
        if since(asked) >= Duration::from_secs(view.every_s) {
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
        KeyCode::Home => view.scroll(isize::MIN),
        KeyCode::Char('+') => view.pace(true),
        KeyCode::Char('-') => view.pace(false),
        KeyCode::Char(key) => {
            if let Some(order) = Order::of_key(key) {
                view.sort(order);
            }
        }
        _ => {}
    }
    !ends
}
