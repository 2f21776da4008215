import FoundationEssentials
import Glibc
import PanalCore
import PanalStore

/// `panald backup FOLDER`: copies the data of a service that may be running.
enum BackupRun {
    static let usage = "panald backup FOLDER [--data PATH]"

    /// `arguments` behind the word `backup`.
    static func run(_ arguments: [String], environment: [String: String]) async throws {
        guard let folder = arguments.first, !folder.hasPrefix("-") else {
            throw SettingsMistake(detail: "backup needs a folder to write to: \(usage)")
        }
        let reader = try await SettingsReader(arguments: Array(arguments.dropFirst()), environment: environment)
        let data = Settings.absolute(try reader.text("data"))
        let target = Settings.absolute(folder)
        guard target != data, !target.hasPrefix("\(data)/"), !data.hasPrefix("\(target)/") else {
            throw SettingsMistake(detail: "the backup \(target) and the data \(data) must not lie in each other")
        }
        try becomeOwner(of: data, with: target)
        let report: BackupReport
        do {
            report = try Backup(of: data, into: target).make()
        } catch let failure as BackupFailure {
            throw StartRefusal(reason: "no backup was made: \(failure.detail)")
        }
        print(
            "backed up to \(target): database of \(ByteCount.text(report.databaseBytes)), \(report.copied) files copied "
                + "(\(ByteCount.text(report.bytes))), \(report.kept) there already")
    }

    /// What strangers have written is not read as root: the folder for the backup is made, and given to the data's owner.
    private static func becomeOwner(of data: String, with target: String) throws {
        var found = stat()
        guard unsafe lstat(data, &found) == 0, found.st_mode & S_IFMT == S_IFDIR else {
            throw StartRefusal(reason: "there is no data folder \(data)", mend: usage)
        }
        var there = stat()
        if unsafe lstat(target, &there) != 0 {
            do {
                try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
            } catch {
                throw StartRefusal(reason: "the folder \(target) cannot be made: \(error)")
            }
            guard unsafe chmod(target, 0o700) == 0 else {
                throw StartRefusal(reason: "the folder \(target) cannot be closed to others (errno \(errno))")
            }
            if geteuid() == 0, unsafe chown(target, found.st_uid, found.st_gid) != 0 {
                throw StartRefusal(reason: "the folder \(target) cannot be given to the data's owner (errno \(errno))")
            }
        } else if there.st_uid != found.st_uid {
            throw StartRefusal(
                reason:
                    "the folder \(target) belongs to the user id \(there.st_uid), not to the data's owner \(found.st_uid)"
            )
        }
        guard geteuid() == 0, found.st_uid != 0 else { return }
        guard setgroups(0, nil) == 0, setgid(found.st_gid) == 0, setuid(found.st_uid) == 0, getuid() == found.st_uid
        else {
            throw StartRefusal(reason: "the privileges cannot be given up (errno \(errno))")
        }
    }
}
