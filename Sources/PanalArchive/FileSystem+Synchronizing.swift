import CPanalSyscalls

extension Files {
    /// Makes everything durable that was written to the file system in which the folder is: for many files at once, where each by
    /// itself would cost a turn of the disk.
    package static func synchronizeFileSystem(of path: String) throws(FileError) {
        let folder = try OwnedDescriptor(opening: path, openFolder)
        let result = panal_sync_file_system(folder.number)
        guard result == 0 else { throw FileError("syncfs", path, errno: -result) }
    }
}
