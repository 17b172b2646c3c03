//! A dialog that nobody has any more, as an answer to its INVITE describes it: enough to end it.

use bytes::Bytes;

use crate::sip::Response;
use crate::transaction::Path;

use super::{Dialog, name_addr_of, owned};

impl Dialog {
    /// The dialog that `answer`, a 2xx to an INVITE that came out of here once, has made. `sent_by` is our `host:port` there.
    #[must_use]
    pub fn of_stray(answer: &Response, sent_by: Bytes, path: Path) -> Self {
        let local_tag = owned(answer.from.tag().unwrap_or_default());
        let (local, remote) = (name_addr_of(&answer.from), name_addr_of(&answer.to));
        let target = owned(answer.to.uri().as_bytes());
        let mut dialog =
            Self::calling(owned(&answer.call_id), local_tag, local, remote, target, sent_by, path);
        dialog.confirm(answer);
        dialog.local_seq = answer.cseq;
        dialog
    }
}
