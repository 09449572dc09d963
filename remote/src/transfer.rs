//! Downloads an object, resuming an earlier attempt.

use crate::cause::{answered, cause};
use crate::error::{Error, ErrorKind, Result};
use crate::note::Note;
use crate::object::Object;
use futures_util::TryStreamExt;
use object_store::{GetOptions, GetRange, GetResult};
use std::fs::File;
use std::io::{self, Write};

/// Requests the rest of a version of which `have` bytes are there; `None` if that version is not known, the
/// server has another one, or it sends no ranges.
pub async fn rest(object: &Object, note: Option<Note>, have: u64) -> Result<Option<GetResult>> {
    let note = note.filter(|note| note.url == object.url && note.can_be_resumed());
    let Some(note) = note.filter(|note| 0 < have && have < note.length) else { return Ok(None) };
    let options = GetOptions { range: Some(GetRange::Offset(have)), ..note.conditions() };
    match object.store.get_opts(&object.path, options).await {
        Ok(result) if note.is_of(&result.meta) => Ok(Some(result)),
        Err(error @ object_store::Error::Generic { .. }) if !answered(&error) => {
            Err(cause(&object.url, &error))
        }
        _ => Ok(None),
    }
}

/// Requests the whole file; `None` if the server says that the version that is there is current.
pub async fn all(object: &Object, there: Option<&Note>) -> Result<Option<GetResult>> {
    let options = GetOptions {
        if_none_match: there.and_then(|note| note.etag.clone()),
        if_modified_since: there
            .filter(|note| note.etag.is_none())
            .and_then(|note| note.modified())
            .map(Into::into),
        ..GetOptions::default()
    };
    match object.store.get_opts(&object.path, options).await {
        Ok(result) => Ok(Some(result)),
        Err(object_store::Error::NotModified { .. }) => Ok(None),
        Err(error) => Err(cause(&object.url, &error)),
    }
}

/// Appends what arrives to a file that is positioned after the `have` bytes that are there; calls `told`
/// with the number of bytes so far and the total.
pub async fn receive(
    object: &Object,
    result: GetResult,
    have: u64,
    file: &mut File,
    unusable: impl Fn(&io::Error) -> Error,
    told: &mut (impl FnMut(u64, u64) + ?Sized),
) -> Result<()> {
    let (length, mut written) = (result.meta.size, have);
    let mut stream = result.into_stream();
    told(written, length);
    while let Some(bytes) = stream.try_next().await.map_err(|error| cause(&object.url, &error))? {
        written += bytes.len() as u64;
        if written > length {
            let message = format!(
                "index file \"{}\": more arrives than the {length} bytes that it has",
                object.url
            );
            return Err(Error::new(ErrorKind::Damaged, message));
        }
        file.write_all(&bytes).map_err(|error| unusable(&error))?;
        told(written, length);
    }
    if written != length {
        let reason = format!("{written} of {length} bytes arrived");
        return Err(Error::not_given(ErrorKind::NotGiven, &object.url, reason));
    }
    file.sync_all().map_err(|error| unusable(&error))
}
