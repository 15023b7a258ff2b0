BEGIN TRANSACTION;
CREATE TABLE run (name text primary key, value text not null);
INSERT INTO "run" VALUES('input','{"agent_path": "/nonexistent/agent.yaml", "agent_text": "model: openai-chat:scripted\nmcpServers: {remote: {url: ''${MCP_URL}''}}\n", "model_names": ["openai-chat:scripted"], "prompt": "hi", "directory": "/nonexistent", "format": 1, "program_version": "0.1.0"}');
INSERT INTO "run" VALUES('created_at','2026-11-26T15:37:44.960+00:00');
CREATE TABLE steps (number integer primary key, kind text not null, value text not null);
COMMIT;
