hiddenimports = ["gate_app.plugins_of_long_ago"]
