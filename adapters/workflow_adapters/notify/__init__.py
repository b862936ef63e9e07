"""Notices to the outside: mail, a signed webhook, and the robots of DingTalk, WeCom and Feishu.

Each is a channel of ``workflow worker --deliver SCHEME:FILE``, where the file is TOML with the address, the secret and the
limits; a secret never stands on a command line and never in a log. What goes out says that a task waits, and where;
never what it is about: these channels belong to others. A matter of a flow that says ``classified``, or that is named in
``classified`` of the file, is not sent to them at all, and the log says so.

通知只说明“有待办事项”并附链接,不含任何内容;涉密流程不经外部渠道。
"""

from workflow_adapters.notify.channels import dingtalk, feishu, mail, webhook, wecom

__all__ = ["dingtalk", "feishu", "mail", "webhook", "wecom"]
