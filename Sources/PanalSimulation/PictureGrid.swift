import PanalCore

/// Cores × time as a grid of cells, each with the job that had most of it.
///
/// A picture with a rectangle for each job and run of cores would grow with the load without end; out of a grid comes never more than the
/// grid has cells. A job that is narrower than a cell is drawn with its user's other such jobs; a cell of which less than half
/// was busy stays empty, so that the filled part of the picture is the used part of the machine.
struct PictureGrid {
    let columns: Int
    let rows: Int
    /// What is drawn in a cell: a job's number, `-2 - user` for narrow jobs, or -1 for nothing.
    private var owners: [Int32]
    private var shares: [Float]
    private var busy: [Float]

    /// `from` and `to` are microseconds.
    init(_ run: SimulatedRun, users: [Int32], from: Int64, to: Int64, columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
        owners = Array(repeating: -1, count: columns * rows)
        shares = Array(repeating: 0, count: columns * rows)
        busy = Array(repeating: 0, count: columns * rows)
        guard to > from, run.cores > 0 else { return }
        let across = Double(columns) / Double(to - from)
        let down = Double(rows) / Double(run.cores)
        for (job, result) in run.results.enumerated() {
            guard let started = result.started, let ended = result.ended, ended > from, started < to else { continue }
            let left = Double(max(started, from) - from) * across
            let right = Double(min(ended, to) - from) * across
            let owner = right - left < 1 ? -2 - users[job] : Int32(job)
            for cores in result.cores {
                paint(owner, left, right, Double(cores.lowerBound) * down, Double(cores.upperBound) * down)
            }
        }
    }

    private mutating func paint(_ owner: Int32, _ left: Double, _ right: Double, _ top: Double, _ bottom: Double) {
        for row in Int(top)..<max(Int(top), min(rows, Int(bottom.rounded(.up)))) {
            let height = min(bottom, Double(row + 1)) - max(top, Double(row))
            for column in Int(left)..<max(Int(left), min(columns, Int(right.rounded(.up)))) {
                let width = min(right, Double(column + 1)) - max(left, Double(column))
                let share = Float(width * height)
                let cell = row * columns + column
                busy[cell] += share
                if owners[cell] == owner {
                    shares[cell] += share
                } else if share > shares[cell] {
                    owners[cell] = owner
                    shares[cell] = share
                }
            }
        }
    }

    /// SVG path data in units of cells, by colour: for each user that of even and that of odd jobs, so that neighbours differ.
    func paths(users: [Int32], userCount: Int) -> [[String]] {
        var paths = Array(repeating: ["", ""], count: userCount)
        var open: [Rectangle] = []
        for row in 0...rows {
            let runs = row < rows ? self.runs(row) : []
            var kept: [Rectangle] = []
            var next = 0
            // Both are in the order of their columns; equal ones go on downwards.
            for run in runs {
                while next < open.count, open[next].left < run.left {
                    open[next].draw(to: row, users, &paths)
                    next += 1
                }
                if next < open.count, open[next].left == run.left {
                    if open[next].right == run.right, open[next].owner == run.owner {
                        kept.append(open[next])
                    } else {
                        open[next].draw(to: row, users, &paths)
                        kept.append(run)
                    }
                    next += 1
                } else {
                    kept.append(run)
                }
            }
            for rectangle in open[next...] { rectangle.draw(to: row, users, &paths) }
            open = kept
        }
        return paths
    }

    private struct Rectangle {
        var owner: Int32
        var left: Int
        var right: Int
        var top: Int

        func draw(to bottom: Int, _ users: [Int32], _ paths: inout [[String]]) {
            let user = owner < -1 ? Int(-2 - owner) : Int(users[Int(owner)])
            let shade = owner < -1 ? 0 : Int(owner % 2)
            paths[user][shade] += "M\(left) \(top)h\(right - left)v\(bottom - top)h\(left - right)z"
        }
    }

    private func runs(_ row: Int) -> [Rectangle] {
        var runs: [Rectangle] = []
        for column in 0..<columns {
            let cell = row * columns + column
            guard busy[cell] >= 0.5, owners[cell] != -1 else { continue }
            if let last = runs.last, last.right == column, last.owner == owners[cell] {
                runs[runs.count - 1].right += 1
            } else {
                runs.append(Rectangle(owner: owners[cell], left: column, right: column + 1, top: row))
            }
        }
        return runs
    }
}

/// The cores that were wanted by those who waited, on the average of each column.
struct WaitingCurve {
    private(set) var cores: [Double]

    init(_ run: SimulatedRun, from: Int64, to: Int64, columns: Int) {
        cores = Array(repeating: 0, count: columns)
        guard to > from else { return }
        // What begins in a column counts from there on; the parts of columns at both ends are put right.
        var change = Array(repeating: 0.0, count: columns + 1)
        let across = Double(columns) / Double(to - from)
        func place(_ moment: Int64) -> Double { Double(min(max(moment, from), to) - from) * across }
        for (job, result) in zip(run.jobs, run.results) where result.refusal == nil {
            let left = place(job.submitted.microseconds)
            let right = place(result.started ?? to)
            guard right > left else { continue }
            let wanted = Double(job.millicores) / 1_000
            for (at, sign) in [(left, wanted), (right, -wanted)] {
                let column = min(columns - 1, Int(at))
                let part = 1 - (at - Double(column))
                change[column] += sign * part
                change[column + 1] += sign * (1 - part)
            }
        }
        var sum = 0.0
        for column in 0..<columns {
            sum += change[column]
            cores[column] = max(0, sum)
        }
    }
}
