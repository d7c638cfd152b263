// A copy of this tree to try things in, as a fresh clone would be: its files, one commit,
// nothing built. Builds use ccache where it is installed.

import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..')

export class Scratch {
  constructor(name) {
    this.root = mkdtempSync(join(tmpdir(), `belfry-${name}-`))
    chmodSync(this.root, 0o755) // PostgreSQL may run as another user
    for (const path of git(ROOT, 'ls-files', '-z', '--cached', '--others', '--exclude-standard').split('\0')) {
      if (path === '' || !existsSync(join(ROOT, path))) continue
      mkdirSync(dirname(join(this.root, path)), { recursive: true })
      cpSync(join(ROOT, path), join(this.root, path))
    }
    git(this.root, 'init', '-q')
    this.commit()
    this.env = cleanEnvironment(this.root)
  }

  commit() {
    git(this.root, 'add', '-A')
    git(this.root, '-c', 'user.name=scratch', '-c', 'user.email=scratch@localhost', 'commit', '-qm', 'As it is')
  }

  /** What differs from the last commit, as `git status` says it. */
  touched() {
    return git(this.root, 'status', '--porcelain', '-uall').split('\n').filter(Boolean)
      .map(line => ({ state: line.slice(0, 2).trim() === '??' ? 'new' : 'changed', path: line.slice(3) }))
  }

  restore() {
    git(this.root, 'checkout', '-q', '.')
    git(this.root, 'clean', '-fdq')
  }

  /** Node modules of a folder, as they are installed beside us. */
  borrow(folder) {
    cpSync(join(ROOT, folder, 'node_modules'), join(this.root, folder, 'node_modules'), { recursive: true })
  }

  /** Runs a script of bash as it stands; resolves with { status, output } and never rejects. */
  bash(script, { seconds = 240, env = {} } = {}) {
    return new Promise(resolve => {
      const child = spawn('bash', ['-eu', '-c', script], {
        cwd: this.root, env: { ...this.env, ...env }, detached: true, stdio: ['ignore', 'pipe', 'pipe'],
      })
      let output = ''
      const timer = setTimeout(() => {
        output += `\nended after ${seconds} s\n`
        process.kill(-child.pid, 'SIGKILL')
      }, seconds * 1000)
      child.stdout.on('data', data => { output += data })
      child.stderr.on('data', data => { output += data })
      // not `close`: what a script leaves running in the background may hold its output open
      child.on('exit', status => {
        clearTimeout(timer)
        setImmediate(() => resolve({ status: status ?? 1, output }))
      })
    })
  }

  remove() {
    rmSync(this.root, { recursive: true, force: true })
  }
}

function git(root, ...words) {
  return execFileSync('git', ['-C', root, ...words], { encoding: 'utf8', maxBuffer: 64 << 20 })
}

/** Ours, without what says where another system is or is built. */
function cleanEnvironment(root) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(BELFRY_|DATABASE_URL$|GIT_)/.test(name)))
  try {
    execFileSync('ccache', ['--version'], { stdio: 'ignore' })
  } catch {
    return env
  }
  return { ...env, CMAKE_C_COMPILER_LAUNCHER: 'ccache', CCACHE_BASEDIR: dirname(root), CCACHE_NOHASHDIR: '1' }
}
