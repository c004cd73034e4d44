//! Writes a report so that nobody ever reads half of it.
//!
//! The text goes to a temporary file in the same folder, which then takes the report's name. This
//! is the only place of the crate that touches a file system.

use std::io::Write;
use std::path::{Path, PathBuf};

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}: {source}", path.display())]
pub struct WriteError {
    what: &'static str,
    path: PathBuf,
    source: std::io::Error,
}

/// Writes `content` to `path`, in one step for every reader; folders are created as needed.
pub fn write(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |source| WriteError { what, path, source }
    };
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
