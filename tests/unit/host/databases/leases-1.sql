BEGIN TRANSACTION;
CREATE TABLE generations (
    identity TEXT NOT NULL,
    vf_index INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    PRIMARY KEY (identity, vf_index)
) WITHOUT ROWID;
INSERT INTO "generations" VALUES('device 0000:01:00.0',0,1);
INSERT INTO "generations" VALUES('device 0000:01:00.0',1,2);
INSERT INTO "generations" VALUES('permanent_mac 52:54:00:6d:91:01',0,1);
INSERT INTO "generations" VALUES('permanent_mac 52:54:00:6d:91:01',1,2);
CREATE TABLE leases (
    pool TEXT NOT NULL,
    owner TEXT NOT NULL,
    pf_device TEXT,
    pf_identities TEXT NOT NULL,
    vf_index INTEGER NOT NULL,
    clean TEXT NOT NULL,
    lease_id INTEGER PRIMARY KEY AUTOINCREMENT,
    status TEXT NOT NULL,
    reason TEXT,
    note TEXT,
    address TEXT,
    iommu_group INTEGER,
    numa_node INTEGER,
    generation INTEGER NOT NULL,
    boot_id TEXT,
    birth INTEGER,
    taken TEXT NOT NULL,
    ended TEXT,
    ttl_s REAL,
    expires REAL,
    pid INTEGER,
    pid_started INTEGER,
    pinned INTEGER NOT NULL,
    group_disjoint INTEGER NOT NULL
);
INSERT INTO "leases" VALUES('spare','anna','0000:01:00.0','permanent_mac 52:54:00:6d:91:01',0,'{"driver": null, "admin_mac": "00:00:00:00:00:00", "vlan": {"id": 0, "qos": 0, "protocol": "802.1q"}, "spoofchk": true, "trust": false, "link_state": "auto", "min_tx_rate_mbps": 0, "max_tx_rate_mbps": 0}',1,'held',NULL,NULL,'0000:01:10.0',9,NULL,1,'0b0071d0-0000-4000-8000-000000000001',103,'2026-01-01T00:00:00+00:00',NULL,NULL,NULL,NULL,NULL,0,0);
INSERT INTO "leases" VALUES('spare','ben','0000:01:00.0','permanent_mac 52:54:00:6d:91:01',1,'{"driver": null, "admin_mac": "00:00:00:00:00:00", "vlan": {"id": 0, "qos": 0, "protocol": "802.1q"}, "spoofchk": true, "trust": false, "link_state": "auto", "min_tx_rate_mbps": 0, "max_tx_rate_mbps": 0}',2,'ended','released',NULL,'0000:01:10.2',10,NULL,1,'0b0071d0-0000-4000-8000-000000000001',106,'2026-01-01T00:00:00+00:00','2026-01-01T00:00:00+00:00',NULL,NULL,NULL,NULL,0,0);
INSERT INTO "leases" VALUES('spare','carl','0000:01:00.0','permanent_mac 52:54:00:6d:91:01',1,'{"driver": null, "admin_mac": "00:00:00:00:00:00", "vlan": {"id": 0, "qos": 0, "protocol": "802.1q"}, "spoofchk": true, "trust": false, "link_state": "auto", "min_tx_rate_mbps": 0, "max_tx_rate_mbps": 0}',3,'held',NULL,NULL,'0000:01:10.2',10,NULL,2,'0b0071d0-0000-4000-8000-000000000001',106,'2026-01-01T00:00:00+00:00',NULL,600.0,600.0,NULL,NULL,0,0);
CREATE TABLE pools (
    name TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    stamp TEXT NOT NULL,
    defined TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "pools" VALUES('spare','version: 1
','pools.yaml','1','2026-01-01T00:00:00+00:00');
CREATE UNIQUE INDEX one_lease_of_a_vf ON leases (pf_device, vf_index)
    WHERE status IN ('held', 'scrubbing', 'dirty');
CREATE INDEX leases_by_status ON leases (status);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('leases',3);
COMMIT;
PRAGMA user_version = 1;
