// The daemon's extension to pi: answers what pi's RPC commands leave out.
//
// It registers one command, which the daemon calls with a prompt:
//   /pi-server-bridge {"id":"7","op":"tree"}
// and answers with a status that no client is shown:
//   {"method":"setStatus","statusKey":"pi-server-bridge:7","statusText":"{\"ok\":true,...}"}
// It calls no model, and writes nothing to the session but what a navigation asks for.
import * as fs from "node:fs/promises";
import * as path from "node:path";

const NAME = "pi-server-bridge";
const NODES_MAX = 10_000;
const TEXT_MAX = 400;
const FILES_MAX = 1_000;
const FILE_BYTES_MAX = 16 * 1024 * 1024;

function textOfContent(content: any): string {
	if (typeof content === "string") return content;
	if (!Array.isArray(content)) return "";
	return content.map((part: any) => part?.text ?? part?.thinking ?? part?.content ?? "").join("");
}

function textOfMessage(message: any): string {
	return (
		textOfContent(message?.content) ||
		message?.text ||
		message?.output ||
		message?.command ||
		message?.summary ||
		""
	);
}

function tokensText(tokens: any): string {
	if (typeof tokens !== "number") return "";
	return tokens >= 1000 ? `${Math.round(tokens / 1000)}k tokens` : `${tokens} tokens`;
}

function textOfEntry(entry: any): string {
	switch (entry.type) {
		case "message":
			return textOfMessage(entry.message);
		case "custom_message":
			return textOfContent(entry.content);
		case "branch_summary":
			return entry.summary ?? "";
		case "compaction":
			return entry.summary || tokensText(entry.tokensBefore);
		case "model_change":
			return `${entry.provider}/${entry.modelId}`;
		case "thinking_level_change":
			return entry.thinkingLevel ?? "";
		case "label":
			return `${entry.label || "(cleared)"} → ${entry.targetId}`;
		case "custom":
			return entry.customType ?? JSON.stringify(entry.data ?? null);
		case "session_info":
			return entry.name ?? "";
		default:
			return "";
	}
}

function preview(entry: any, role: string | null): string {
	const line = String(textOfEntry(entry)).replace(/\s+/g, " ").trim();
	if (!line) return `[${role ?? entry.type ?? "unknown"}]`;
	if (line.length <= TEXT_MAX) return line;
	// Lengths are UTF-16 code units, and no pair of them is cut in two.
	const last = line.charCodeAt(TEXT_MAX - 1);
	return `${line.slice(0, last >= 0xd800 && last <= 0xdbff ? TEXT_MAX - 1 : TEXT_MAX)}…`;
}

// All entries in pre-order, children in the order of the file; a flat list, since a nested one
// would be as deep as the conversation is long.
function tree(manager: any): unknown {
	const entries: any[] = manager.getEntries();
	const known = new Set(entries.map((entry) => entry.id));
	const children = new Map<string | null, any[]>();
	for (const entry of entries) {
		const parent = known.has(entry.parentId) ? entry.parentId : null;
		const siblings = children.get(parent);
		if (siblings) siblings.push(entry);
		else children.set(parent, [entry]);
	}
	const nodes: unknown[] = [];
	const open = [...(children.get(null) ?? [])].reverse();
	while (open.length > 0 && nodes.length < NODES_MAX) {
		const entry = open.pop();
		const role = entry.type === "message" ? String(entry.message?.role ?? "unknown") : null;
		nodes.push({
			entryId: entry.id,
			parentId: entry.parentId ?? null,
			entryType: entry.type ?? "unknown",
			role,
			text: preview(entry, role),
			timestamp: entry.timestamp ?? null,
			label: manager.getLabel(entry.id),
		});
		for (const child of [...(children.get(entry.id) ?? [])].reverse()) open.push(child);
	}
	const truncated = open.length > 0 ? true : undefined;
	return { currentLeafId: manager.getLeafId() ?? null, nodes, truncated };
}

async function navigate(request: any, context: any): Promise<unknown> {
	if (!context.isIdle()) throw new Error("the session is busy");
	const manager = context.sessionManager;
	const target = manager.getEntry(request.entryId);
	if (!target) throw new Error(`Entry ${request.entryId} not found`);
	const { summarize, customInstructions, replaceInstructions, label } = request;
	const options = {
		summarize,
		customInstructions: customInstructions ?? undefined,
		replaceInstructions: replaceInstructions ?? undefined,
		label: label ?? undefined,
	};
	const done = await context.navigateTree(request.entryId, options);
	const isUser = target.type === "message" && target.message.role === "user";
	const isNote = target.type === "custom_message";
	const content = isUser ? target.message.content : isNote ? target.content : undefined;
	const editorText = content === undefined || done.cancelled ? undefined : textOfContent(content);
	return { editorText, cancelled: Boolean(done.cancelled) };
}

// One session file as `list_session_files` shows it; nothing if it is of another directory.
async function describe(file: string, cwd: string): Promise<any> {
	const stat = await fs.stat(file);
	if (!stat.isFile() || stat.size > FILE_BYTES_MAX) return undefined;
	const lines = (await fs.readFile(file, "utf8")).split("\n");
	const header = JSON.parse(lines[0]);
	if (header?.type !== "session" || header.cwd !== cwd) return undefined;
	let name: string | undefined;
	for (const line of lines) {
		if (!line.includes('"session_info"')) continue;
		try {
			const entry = JSON.parse(line);
			if (entry.type === "session_info") name = entry.name;
		} catch {
			// A torn line of a process that was killed.
		}
	}
	const base = path.basename(file).replace(/\.jsonl?$/, "");
	return { path: file, name: name || base, modifiedAt: stat.mtime.toISOString() };
}

async function files(manager: any): Promise<unknown> {
	const current = manager.getSessionFile();
	if (!current) return { files: [] };
	const directory = path.dirname(current);
	const names = await fs.readdir(directory).catch(() => [] as string[]);
	const found: any[] = [];
	// The names begin with the time, so that these are the newest ones.
	const newest = names.filter((it) => it.endsWith(".jsonl")).sort().reverse();
	for (const name of newest.slice(0, FILES_MAX)) {
		const file = await describe(path.join(directory, name), manager.getCwd()).catch(() => undefined);
		if (file) found.push(file);
	}
	found.sort((a, b) => (a.modifiedAt < b.modifiedAt ? 1 : -1));
	return { files: found };
}

export default function (pi: any) {
	const answer = async (request: any, context: any): Promise<unknown> => {
		switch (request.op) {
			case "tools":
				return {
					tools: pi.getAllTools().map((tool: any) => ({
						name: tool.name,
						description: tool.description ?? "",
					})),
				};
			case "tree":
				return tree(context.sessionManager);
			case "files":
				return files(context.sessionManager);
			case "navigate":
				return navigate(request, context);
			default:
				throw new Error(`unknown operation: ${request.op}`);
		}
	};

	pi.registerCommand(NAME, {
		description: "Answers the daemon that runs this agent (not for people)",
		handler: async (args: string, context: any) => {
			let id = "";
			let result: unknown;
			try {
				const request = JSON.parse(args);
				id = String(request.id);
				result = { ok: true, data: await answer(request, context) };
			} catch (error: any) {
				result = { ok: false, error: String(error?.message ?? error) };
			}
			context.ui.setStatus(`${NAME}:${id}`, JSON.stringify(result));
		},
	});
}
