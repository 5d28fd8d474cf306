BEGIN TRANSACTION;
CREATE TABLE marks (
    run_id INTEGER NOT NULL REFERENCES runs,
    number INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (run_id, number)
) WITHOUT ROWID;
INSERT INTO "marks" VALUES(1,1,0,2,'started');
INSERT INTO "marks" VALUES(1,2,0,2,'done');
INSERT INTO "marks" VALUES(2,1,0,0,'started');
INSERT INTO "marks" VALUES(2,2,0,0,'done');
INSERT INTO "marks" VALUES(3,1,0,0,'started');
INSERT INTO "marks" VALUES(3,2,0,0,'done');
INSERT INTO "marks" VALUES(4,1,0,0,'started');
CREATE TABLE runs (
    run_id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    started TEXT NOT NULL,
    ended TEXT,
    boot_id TEXT,
    devices TEXT NOT NULL,
    source TEXT NOT NULL,
    undoes INTEGER,
    confirm_by REAL,
    note TEXT,
    asked_by TEXT
);
INSERT INTO "runs" VALUES(1,'apply','done','2026-01-01T00:00:00+00:00','2026-01-01T00:00:00+00:00','0b0071d0-0000-4000-8000-000000000001','["0000:01:00.0"]','host.yaml',NULL,NULL,NULL,'uid 0 (root)');
INSERT INTO "runs" VALUES(2,'apply','undone','2026-01-01T00:00:00+00:00','2026-01-01T00:00:00+00:00','0b0071d0-0000-4000-8000-000000000001','["0000:04:00.0"]','host.yaml',NULL,NULL,NULL,'uid 0 (root)');
INSERT INTO "runs" VALUES(3,'undo','done','2026-01-01T00:00:00+00:00','2026-01-01T00:00:00+00:00','0b0071d0-0000-4000-8000-000000000001','["0000:04:00.0"]','run 2',2,NULL,NULL,'uid 0 (root)');
INSERT INTO "runs" VALUES(4,'apply','running','2026-01-01T00:00:00+00:00',NULL,'0b0071d0-0000-4000-8000-000000000001','["0000:01:00.0"]','more.yaml',NULL,NULL,NULL,'uid 0 (root)');
CREATE TABLE steps (
    run_id INTEGER NOT NULL REFERENCES runs,
    position INTEGER NOT NULL,
    action TEXT NOT NULL,
    device TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
INSERT INTO "steps" VALUES(1,0,'set-drivers-autoprobe','0000:01:00.0','{"action": "set-drivers-autoprobe", "subject": "0000:01:00.0", "device": "0000:01:00.0", "vf_index": null, "before": {"drivers_autoprobe": true}, "after": {"drivers_autoprobe": false}, "disruption": "none", "reason": "decides whether the host''s own drivers take new VFs", "commands": ["echo 0 > /sys/bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe"], "affected": []}');
INSERT INTO "steps" VALUES(1,1,'set-num-vfs','0000:01:00.0','{"action": "set-num-vfs", "subject": "0000:01:00.0", "device": "0000:01:00.0", "vf_index": null, "before": {"num_vfs": 0}, "after": {"num_vfs": 2}, "disruption": "none", "reason": "the PF is down, and has no link to lose", "commands": ["echo 2 > /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs"], "affected": []}');
INSERT INTO "steps" VALUES(1,2,'set-vf','0000:01:00.0','{"action": "set-vf", "subject": "0000:01:00.0 vf 1", "device": "0000:01:00.0", "vf_index": 1, "before": {"admin_mac": null, "vlan": null}, "after": {"admin_mac": "52:54:00:6d:90:01", "vlan": {"id": 42, "qos": 0, "protocol": "802.1q"}}, "disruption": "none", "reason": "set before a driver binds, which reads it once", "commands": ["ip link set dev eth0 vf 1 mac 52:54:00:6d:90:01 vlan 42"], "affected": []}');
INSERT INTO "steps" VALUES(2,0,'set-num-vfs','0000:04:00.0','{"action": "set-num-vfs", "subject": "0000:04:00.0", "device": "0000:04:00.0", "vf_index": null, "before": {"num_vfs": 0}, "after": {"num_vfs": 1}, "disruption": "none", "reason": "the PF is down, and has no link to lose", "commands": ["echo 1 > /sys/bus/pci/devices/0000:04:00.0/sriov_numvfs"], "affected": []}');
INSERT INTO "steps" VALUES(3,0,'set-num-vfs','0000:04:00.0','{"action": "set-num-vfs", "subject": "0000:04:00.0", "device": "0000:04:00.0", "vf_index": null, "before": {"num_vfs": 1}, "after": {"num_vfs": 0}, "disruption": "VF destroyed", "reason": "as it was before", "commands": [], "affected": []}');
INSERT INTO "steps" VALUES(4,0,'set-vf','0000:01:00.0','{"action": "set-vf", "device": "0000:01:00.0", "disruption": "none", "reason": "no driver holds the VF", "affected": [], "vf_index": [0, 1], "subject": ["0000:01:00.0 vf 0", "0000:01:00.0 vf 1"], "before": {"vlan": [{"id": 0, "qos": 0, "protocol": "802.1q"}]}, "after": {"vlan": [{"id": 7, "qos": 0, "protocol": "802.1q"}]}, "commands": [["ip link set dev eth0 vf 0 vlan 7"], ["ip link set dev eth0 vf 1 vlan 7"]]}');
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',4);
COMMIT;
PRAGMA user_version = 4;
