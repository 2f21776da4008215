import GRDB
import Glibc
import PanalArchive
import PanalCore

/// Tells a full disk from all other failures: `DiskFull` is to be waited for, or is somebody else's to mend.
enum FullDisk {
    static func noticing<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as FileError where error.errno == ENOSPC || error.errno == EDQUOT {
            throw DiskFull()
        } catch let error as DatabaseError where isFull(error) {
            throw DiskFull()
        }
    }

    private static func isFull(_ error: DatabaseError) -> Bool {
        // The second is the index of the write-ahead log, which could not be made longer.
        error.resultCode == .SQLITE_FULL || error.extendedResultCode == .SQLITE_IOERR_SHMSIZE
    }
}
