"""Reading BPMN 2.0 processes of user tasks as a beginning for a flow. What a flow cannot say is listed, never dropped."""
