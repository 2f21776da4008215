import FoundationEssentials
import GRDB
import PanalArchive
import PanalCore

/// Why a backup was not made, or is not whole.
package struct BackupFailure: Error, Hashable, Sendable {
    package var detail: String
}

/// What a backup holds.
package struct BackupReport: Hashable, Sendable {
    package var databaseBytes: Int
    /// Files that were copied now, and their bytes; what an earlier backup in the same folder had is not copied again.
    package var copied: Int
    package var bytes: Int
    /// Files that were there already.
    package var kept: Int
}

/// Copies a data folder into another folder of the same layout, while the server goes on.
///
/// Content never changes under its name, so only the order matters. What is there is copied first; then the database, in one moment of
/// its own; then what came between. Whatever that moment of the database refers to was there before it and has been copied, even where
/// the server removed it meanwhile. At the end each reference is looked up in the copy.
package struct Backup: Sendable {
    private let data: String
    private let target: String

    /// `data` is the folder of a server, `target` is made where it is missing; it may hold an earlier backup.
    package init(of data: String, into target: String) {
        self.data = data
        self.target = target
    }

    /// Throws `BackupFailure` and what the disk or the database throw; the earlier backup's database is then still in its place.
    package func make() throws -> BackupReport {
        let source = "\(data)/panal.sqlite"
        guard try Files.look(source) != nil else { throw BackupFailure(detail: "\(data) holds no panal.sqlite") }
        try Files.makeFolder(target)
        for part in ["blobs", "programs", "jobs"] { try Files.makeFolder("\(target)/\(part)") }
        var report = BackupReport(databaseBytes: 0, copied: 0, bytes: 0, kept: 0)
        try copyContent(&report)
        let fresh = "\(target)/panal.sqlite.new"
        for ending in ["", "-wal", "-shm", "-journal"] where try Files.look(fresh + ending) != nil {
            try Files.removeFile(fresh + ending)
        }
        let missing = try copyDatabase(from: source, to: fresh)
        try copyContent(&report)
        let lost = try missing().filter { try Files.look("\(target)/\($0)") == nil }
        guard lost.isEmpty else {
            throw BackupFailure(
                detail: "\(lost.count) files that the database names are not there, the first is \(lost[0])")
        }
        for ending in ["-wal", "-shm"] where try Files.look("\(target)/panal.sqlite" + ending) != nil {
            try Files.removeFile("\(target)/panal.sqlite" + ending)
        }
        report.databaseBytes = try Files.look(fresh)?.size ?? 0
        try Files.rename(fresh, to: "\(target)/panal.sqlite")
        try Files.synchronizeFolder(target)
        return report
    }

    /// Answers what the copy refers to, as paths in a data folder.
    private func copyDatabase(from source: String, to fresh: String) throws -> () throws -> [String] {
        var reading = Configuration()
        reading.readonly = true
        reading.busyMode = .timeout(10)
        let original = try DatabaseQueue(path: source, configuration: reading)
        defer { try? original.close() }
        let copy = try DatabaseQueue(path: fresh)
        defer { try? copy.close() }
        try original.backup(to: copy)
        return try copy.writeWithoutTransaction { database in
            // One file, without a log beside it.
            try database.execute(sql: "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL")
            let verdict = try String.fetchOne(database, sql: "PRAGMA quick_check")
            guard verdict == "ok" else {
                throw BackupFailure(detail: "the database is damaged: \(verdict ?? "it does not say how")")
            }
            let blobs = try Row.fetchAll(
                database,
                sql: "SELECT content FROM attempt_blobs UNION SELECT content FROM \(Schema.presentFiles)"
            ).map { ContentLayout.blob(try $0.hash(0)) }
            let programs = try Row.fetchAll(database, sql: SQLiteStore.neededPrograms).map {
                ContentLayout.program(try $0.hash(0))
            }
            return { blobs + programs }
        }
    }

    private func copyContent(_ report: inout BackupReport) throws {
        for part in try Files.names(in: "\(data)/blobs") {
            try copyFolder("blobs/\(part)", &report) { [self] in try copyFile($0, &$1) }
        }
        try copyFolder("programs", &report) { [self] in try copyTree($0, &$1) }
        for job in try Files.names(in: "\(data)/jobs") {
            try copyFolder("jobs/\(job)", &report) { [self] in try copyFile($0, &$1) }
        }
    }

    private func copyFolder(
        _ path: String, _ report: inout BackupReport, _ copy: (String, inout BackupReport) throws -> Void
    ) throws {
        try Files.makeFolder("\(target)/\(path)")
        // A job's folder may go away meanwhile.
        guard let names = try? Files.names(in: "\(data)/\(path)") else { return }
        for name in names { try copy("\(path)/\(name)", &report) }
    }

    private func copyFile(_ path: String, _ report: inout BackupReport) throws {
        guard let found = try Files.look("\(data)/\(path)") else { return }
        if try Files.look("\(target)/\(path)")?.size == found.size {
            report.kept += 1
            return
        }
        try place(path, &report)
        report.bytes += found.size
    }

    /// A program's folder, whole or not at all.
    private func copyTree(_ path: String, _ report: inout BackupReport) throws {
        guard try Files.look("\(target)/\(path)") == nil else {
            report.kept += 1
            return
        }
        try place(path, &report)
    }

    private func place(_ path: String, _ report: inout BackupReport) throws {
        let half = "\(target)/half"
        if try Files.look(half) != nil { try Files.removeTree(half) }
        do {
            try FileManager.default.copyItem(atPath: "\(data)/\(path)", toPath: half)
        } catch {
            // Removed while it was copied: nothing in the database's moment names it, or the check at the end finds it missing.
            if try Files.look("\(data)/\(path)") == nil { return }
            throw error
        }
        if try Files.look("\(target)/\(path)") != nil { try Files.removeFile("\(target)/\(path)") }
        let isFolder = try Files.look(half)?.isFolder == true
        // A folder that changes its parent has to be writable for its owner while it does.
        if isFolder { try Files.setMode(half, 0o755) }
        try Files.rename(half, to: "\(target)/\(path)")
        if isFolder { try Files.setMode("\(target)/\(path)", 0o555) }
        report.copied += 1
    }
}
