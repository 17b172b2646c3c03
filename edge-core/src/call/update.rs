//! UPDATE (RFC 3311): a change of the session without an INVITE.
//!
//! Without an offer it concerns its own dialog only, and is answered here. With one it crosses as a re-INVITE does.

use crate::sip::{HeaderName, Method, StatusCode};

use super::asked::Asked;
use super::asks::check_extensions;
use super::body::session_body;
use super::exchange::Exchange;
use super::session_timer::check_interval;
use super::{Call, Context};

impl Call {
    pub(super) fn on_update(&mut self, asked: Asked, ctx: &mut Context<'_>) {
        debug_assert_eq!(asked.request.method, Method::Update);
        if self.ending {
            return self.reply(&asked, StatusCode::CALL_DOES_NOT_EXIST, ctx);
        }
        let message = &asked.request.message;
        let body = check_extensions(message)
            .and_then(|()| check_interval(message))
            .and_then(|()| session_body(message));
        match (body, &self.exchange) {
            (Err(refused), _) => self.refuse(&asked, &refused, ctx),
            (Ok(None), _) => self.refresh_target(&asked, ctx),
            (Ok(Some(_)), Some(_)) => self.on_early_offer(asked, ctx),
            (Ok(Some(_)), _) if self.is_changing() => self.reply(&asked, StatusCode::REQUEST_PENDING, ctx),
            (Ok(Some(_)), _) => self.on_change(Exchange::new(asked), ctx),
        }
    }

    /// Takes the new target, if it names one, and says where we are.
    fn refresh_target(&mut self, asked: &Asked, ctx: &mut Context<'_>) {
        let early = self.exchange.as_mut().filter(|exchange| exchange.from != asked.side);
        let early = early.and_then(|exchange| exchange.early.of(&asked.request));
        let leg = &mut self.legs[asked.side.index()];
        if let Some(early) = early {
            early.dialog.refresh_target(asked.request.contact.as_ref());
        }
        leg.refresh(&asked.request);
        let response = asked.response(leg, StatusCode::OK).header(HeaderName::Contact, leg.dialog.contact());
        let response = response.header(HeaderName::Supported, leg.supported());
        let response = leg.timer.accept(&asked.request.message, response, ctx.now);
        ctx.respond(asked.server, StatusCode::OK, response.empty());
    }
}
