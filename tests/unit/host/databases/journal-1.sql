BEGIN TRANSACTION;
CREATE TABLE runs (
    run_id INTEGER PRIMARY KEY AUTOINCREMENT,
    started TEXT NOT NULL,
    status TEXT NOT NULL
);
INSERT INTO "runs" VALUES(1,'2026-01-01T00:00:00+00:00','done');
INSERT INTO "runs" VALUES(2,'2026-01-01T00:00:00+00:00','undone');
INSERT INTO "runs" VALUES(3,'2026-01-01T00:00:00+00:00','running');
CREATE TABLE steps (
    run_id INTEGER NOT NULL REFERENCES runs,
    position INTEGER NOT NULL,
    status TEXT NOT NULL,
    step TEXT NOT NULL,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
INSERT INTO "steps" VALUES(1,0,'done','{"action": "set-drivers-autoprobe", "subject": "0000:01:00.0", "device": "0000:01:00.0", "vf_index": null, "before": {"drivers_autoprobe": true}, "after": {"drivers_autoprobe": false}, "disruption": "none", "reason": "decides whether the host''s own drivers take new VFs", "commands": ["echo 0 > /sys/bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe"]}');
INSERT INTO "steps" VALUES(1,1,'done','{"action": "set-num-vfs", "subject": "0000:01:00.0", "device": "0000:01:00.0", "vf_index": null, "before": {"num_vfs": 0}, "after": {"num_vfs": 2}, "disruption": "link flap", "reason": "igb resets the PF: its link drops for about 3 s", "commands": ["echo 2 > /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs"]}');
INSERT INTO "steps" VALUES(1,2,'done','{"action": "set-vf", "subject": "0000:01:00.0 vf 1", "device": "0000:01:00.0", "vf_index": 1, "before": {"admin_mac": null, "vlan": null}, "after": {"admin_mac": "52:54:00:6d:90:01", "vlan": {"id": 42, "qos": 0, "protocol": "802.1q"}}, "disruption": "none", "reason": "set before a driver binds, which reads it once", "commands": ["ip link set dev eth0 vf 1 mac 52:54:00:6d:90:01 vlan 42"]}');
INSERT INTO "steps" VALUES(2,0,'done','{"action": "set-num-vfs", "subject": "0000:04:00.0", "device": "0000:04:00.0", "vf_index": null, "before": {"num_vfs": 0}, "after": {"num_vfs": 1}, "disruption": "link flap", "reason": "igb resets the PF: its link drops for about 3 s", "commands": ["echo 1 > /sys/bus/pci/devices/0000:04:00.0/sriov_numvfs"]}');
INSERT INTO "steps" VALUES(3,0,'started','{"action": "set-vf", "subject": "0000:01:00.0 vf 0", "device": "0000:01:00.0", "vf_index": 0, "before": {"vlan": {"id": 0, "qos": 0, "protocol": "802.1q"}}, "after": {"vlan": {"id": 7, "qos": 0, "protocol": "802.1q"}}, "disruption": "none", "reason": "no driver holds the VF", "commands": ["ip link set dev eth0 vf 0 vlan 7"]}');
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',3);
COMMIT;
