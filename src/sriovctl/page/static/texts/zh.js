// The page's texts in Chinese; see en.js.
export default {
  // --- the frame ---
  "shell.skip": "跳到正文",
  "shell.navigation": "页面",
  "shell.more": "更多",
  "shell.close": "关闭",
  "shell.copy": "复制",
  "shell.copied": "已复制",
  "shell.retry": "重试",
  "shell.yes": "是",
  "shell.no": "否",
  "shell.none": "–",
  "shell.unknown": "未知",
  "shell.unlimited": "不限",
  "shell.loading": "读取中",
  "shell.connecting": "正在等待主机",
  "shell.simulated": "模拟",
  "shell.read_only": "只读",
  "shell.sign_out": "退出",
  "shell.signed_in_as": "身份：{name}",
  "shell.nobody": "无",
  "shell.theme": "配色：{theme}",
  "shell.theme.system": "跟随系统",
  "shell.theme.light": "浅色",
  "shell.theme.dark": "深色",
  "shell.role.read": "可查看",
  "shell.role.operate": "可更改",
  "shell.role.admin": "管理员",
  "shell.role_needed": "需要角色：{role}",
  "shell.not_while_away": "主机暂时没有应答",
  "shell.kind.good": "正常",
  "shell.kind.warn": "警告",
  "shell.kind.bad": "错误",
  "shell.kind.info": "提示",
  "shell.connection.connecting": "连接中",
  "shell.connection.connecting_hint": "正在首次询问主机",
  "shell.connection.live": "实时",
  "shell.connection.live_hint": "所示内容随主机更新",
  "shell.connection.reconnecting": "重新连接",
  "shell.connection.reconnecting_hint": "主机刚才还在；所示内容可能已过时",
  "shell.connection.lost": "连接中断",
  "shell.connection.lost_hint": "主机没有应答；本页会继续尝试，所示内容已过时",
  "shell.unreachable": "主机没有应答",
  "shell.unreachable_hint": "服务在运行吗？隧道或网络通吗？本页会继续尝试。",
  "shell.not_found": "没有这个页面",
  "shell.to_overview": "回到概览",
  "shell.view_failed": "此页面无法加载",

  // --- signing in ---
  "sign_in.title": "登录 {host}",
  "sign_in.lead": "请粘贴令牌，或 sriovctl page 打印的密钥。",
  "sign_in.token": "令牌或密钥",
  "sign_in.submit": "登录",
  "sign_in.hint": "在主机上生成令牌：",

  // --- words of all views ---
  "word.pf": "PF",
  "word.vf": "VF",
  "word.address": "地址",
  "word.driver": "驱动",
  "word.netdev": "网络设备",
  "word.numa_node": "NUMA 节点",
  "word.iommu_group": "IOMMU 组",
  "word.owner": "使用者",
  "word.vfs": "VF",
  "word.mac": "MAC",
  "word.vlan": "VLAN",
  "word.trust": "信任",
  "word.spoofchk": "防伪检查",
  "word.link_state": "链路状态",
  "word.min_tx_rate": "最低发送速率",
  "word.max_tx_rate": "最高发送速率",
  "word.state": "状态",
  "word.name": "名称",

  // --- overview ---
  "overview.title": "概览",
  "overview.pfs": "PF",

  // --- topology ---
  "topology.title": "拓扑",

  // --- PF ---
  "pf.title": "PF",
  "pf.vfs": "此 PF 的 VF",

  // --- VF ---
  "vf.title": "VF",

  // --- doctor ---
  "doctor.title": "诊断",
  "doctor.findings": "发现",
  "doctor.finding": "发现",
  "doctor.severity": "严重程度",
  "doctor.subject": "位置",
  "doctor.meaning": "含义",
  "doctor.none": "没有任何问题妨碍 SR-IOV",

  // --- change ---
  "change.title": "更改",
  "change.state": "以状态文件表示的主机",

  // --- guests ---
  "guests.title": "虚拟机",
  "guests.none": "没有虚拟机",

  // --- pools and leases ---
  "pools.title": "池",
  "pools.pools": "池",
  "pools.leases": "租约",
  "pools.no_pools": "没有池",
  "pools.no_leases": "没有租出任何 VF",

  // --- history ---
  "history.title": "历史",
  "history.run": "运行",
  "history.kind": "类型",
  "history.status": "状态",
  "history.started": "开始",
  "history.source": "由谁",
  "history.none": "这里还没有更改过任何东西",

  // --- events ---
  "events.title": "事件",
  "events.time": "时间",
  "events.kind": "事件",
  "events.says": "内容",
  "events.none": "打开本页以来没有发生任何事",
};
