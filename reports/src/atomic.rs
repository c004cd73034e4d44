//! Writes a report so that nobody ever reads half of it.
//!
//! The text goes to a temporary file in the same folder, which then takes the report's name. This
//! is the only place of the crate that touches a file system.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}: {source}", path.display())]
pub struct WriteError {
    what: &'static str,
    path: PathBuf,
    source: std::io::Error,
}

impl WriteError {
    /// What somebody can do about it.
    pub fn advice(&self) -> &'static str {
        match self.source.kind() {
            ErrorKind::PermissionDenied => "make the folder writable, or name another one",
            ErrorKind::ReadOnlyFilesystem => "name a folder on another file system",
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "free some space, or name a folder on another file system"
            }
            ErrorKind::IsADirectory => "name a file, not a folder",
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                "a part of the path is a file: name another folder"
            }
            _ => "name another place",
        }
    }
}

/// Writes `content` to `path`, in one step for every reader; folders are created as needed.
///
/// What exists and is no regular file (a pipe, a terminal, `/dev/full`) is written to as it is: it
/// must not be replaced. A symbolic link is followed.
pub fn write(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |source| WriteError { what, path, source }
    };
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let target = std::fs::OpenOptions::new().write(true).open(path);
        let wrote = target.and_then(|mut target| target.write_all(content));
        return wrote.map_err(failed("write", path));
    }
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let path = target.as_path();
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(failed("create the folder", folder))?;
    let mut draft = draft(folder).map_err(failed("write to the folder", folder))?;
    draft.write_all(content).map_err(failed("write", path))?;
    draft
        .persist(path)
        .map_err(|error| failed("write", path)(error.error))?;
    Ok(())
}

/// Tries whether [`write`] would succeed, as far as that can be known before: the folder is made,
/// and a draft of a few octets is written into it and thrown away.
pub fn check(path: &Path) -> Result<(), WriteError> {
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |source| WriteError { what, path, source }
    };
    match std::fs::metadata(path) {
        Ok(there) if there.is_dir() => {
            return Err(failed("write", path)(ErrorKind::IsADirectory.into()));
        }
        Ok(there) if !there.is_file() => {
            // A pipe would wait for its reader; what it takes shows when it is written to.
            return Ok(());
        }
        _ => {}
    }
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    check_folder(target.parent().unwrap_or(Path::new("")))
}

/// Tries whether files can be written into a folder, which is made if need be.
pub fn check_folder(folder: &Path) -> Result<(), WriteError> {
    let failed = |what| {
        move |source| WriteError {
            what,
            path: folder.to_owned(),
            source,
        }
    };
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    std::fs::create_dir_all(folder).map_err(failed("create the folder"))?;
    let trial = draft(folder).and_then(|mut draft| draft.write_all(&[0; 4096]));
    trial.map_err(failed("write to the folder"))
}

/// A temporary file with the rights that a file usually gets, not only for its owner.
fn draft(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tcpspec-");
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666))
    };
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn what_is_no_regular_file_is_not_replaced() {
        use std::os::unix::fs::FileTypeExt;
        let full = Path::new("/dev/full");
        assert!(write(full, b"a report").is_err());
        let there = std::fs::metadata(full).expect("the device is still there");
        assert!(there.file_type().is_char_device());
    }

    #[test]
    #[cfg(unix)]
    fn a_link_is_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("report"), folder.path().join("latest"));
        write(&path, b"old").expect("a report");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        write(&link, b"new").expect("the report again");
        assert_eq!(std::fs::read(&path).expect("the report"), b"new");
        assert!(
            std::fs::symlink_metadata(&link)
                .expect("the link")
                .is_symlink()
        );
    }

    #[test]
    fn folders_are_created_and_old_reports_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out/3.6/report[v4].txt");
        write(&path, b"old").expect("a first report");
        write(&path, b"new").expect("a second report");
        assert_eq!(std::fs::read(&path).expect("the report"), b"new");
        let files = std::fs::read_dir(folder.path().join("out/3.6"))
            .expect("a folder")
            .count();
        assert_eq!(files, 1, "no draft stays behind");
    }

    #[test]
    fn a_trial_leaves_nothing_but_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out/junit.xml");
        check(&path).expect("a place for a report");
        let files = std::fs::read_dir(folder.path().join("out")).expect("the folder");
        assert_eq!(files.count(), 0);
        write(&path, b"old").expect("a report");
        check(&path).expect("a place for another report");
        assert_eq!(std::fs::read(&path).expect("the report"), b"old");
    }

    #[test]
    fn a_trial_says_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        write(&file, b"").expect("a file");
        let advice = |path: &Path| check(path).expect_err("no place").advice();
        assert_eq!(advice(folder.path()), "name a file, not a folder");
        assert_eq!(
            advice(&file.join("out/junit.xml")),
            "a part of the path is a file: name another folder"
        );
    }

    #[test]
    fn errors_name_the_path_and_the_reason() {
        let folder = tempfile::tempdir().expect("a folder");
        let blocked = folder.path().join("file");
        write(&blocked, b"").expect("a file");
        let error = write(&blocked.join("report.txt"), b"").expect_err("a file is no folder");
        let message = error.to_string();
        assert!(message.starts_with("cannot create the folder ") && message.contains("/file: "));
    }

    #[test]
    fn a_folder_is_not_replaced_by_a_report() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = write(folder.path(), b"").expect_err("a folder is no file");
        assert!(error.to_string().starts_with("cannot write "));
    }
}
