<#
Installs __APP__ for the current user, or removes it again (-Uninstall).

    .\install.ps1 [-Version VERSION] [-Uninstall]

The program goes to ~\.local\bin, or to the folder in __INSTALL_VARIABLE__. It's downloaded into a temporary folder
there, compared with its SHA-256, started once, and then moved into place. A version that runs isn't replaced: it reads
its modules from its file when it needs them. Runs in Windows PowerShell 5.1 and later.
#>
param(
    [string] $Version = '__VERSION__',
    [switch] $Uninstall
)

# Nothing runs before the last line, which half of a download doesn't have.
function Install-Program([string] $Wanted, [bool] $IsRemoving) {
    Set-StrictMode -Version 2.0
    $ErrorActionPreference = 'Stop'
    $App = '__APP__'
    $BuiltIn = '__VERSION__'
    $Manifest = '__MANIFEST_URL__'
    $Installer = '__INSTALLER_URL__'
    $Attempts = 5

    # The archives of this version, as published.
    $Archives = @{
        # __ARCHIVES__
    }

    function Stop-With([string] $What, [string] $Hint) {
        throw "error: $What`nhint: $Hint"
    }

    function Write-Line([string] $Text) {
        # Not the pipeline, which a caller may read, and which `throw` leaves alone.
        [Console]::Error.WriteLine($Text)
    }

    function Find-Folder {
        $Chosen = [Environment]::GetEnvironmentVariable('__INSTALL_VARIABLE__')
        if ($Chosen) {
            return $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Chosen).TrimEnd('\', '/')
        }
        $Profile_ = [Environment]::GetFolderPath('UserProfile')
        if (-not $Profile_) {
            Stop-With 'this account has no profile folder' 'set __INSTALL_VARIABLE__ to the folder to install into'
        }
        return Join-Path (Join-Path $Profile_ '.local') 'bin'
    }

    function Find-Platform {
        if ([Environment]::OSVersion.Platform -ne [PlatformID]::Win32NT) {
            Stop-With 'this script is for Windows' "on Linux and macOS, run: curl -fsSL $($Installer -replace '\.ps1$', '.sh') | sh"
        }
        # A 32-bit PowerShell sees its own architecture in the first, and the system's in the second.
        $Machine = $env:PROCESSOR_ARCHITEW6432
        if (-not $Machine) {
            $Machine = $env:PROCESSOR_ARCHITECTURE
        }
        # Windows 11 on arm64 runs x86_64 programs, Windows 10 doesn't.
        $IsEmulated = $Machine -eq 'ARM64' -and [Environment]::OSVersion.Version.Build -ge 22000
        if ($Machine -ne 'AMD64' -and -not $IsEmulated) {
            Stop-With "$App isn't built for Windows on $Machine" 'use a machine with 64-bit Windows on x86_64, or Windows 11 on arm64'
        }
        return 'windows-amd64'
    }

    # Downloads, and resumes where a connection was cut.
    function Save-Download([string] $Url, [string] $Path) {
        for ($Attempt = 1; ; $Attempt++) {
            $Failure = Receive-File $Url $Path
            if (-not $Failure) {
                return
            }
            $Code = $Failure.Code
            if ($Code -eq 416) {
                Remove-Item -LiteralPath $Path -Force -ErrorAction SilentlyContinue
            }
            $IsFinal = $Code -ge 400 -and $Code -lt 500 -and @(408, 416, 429) -notcontains $Code
            if ($IsFinal -or $Attempt -ge $Attempts) {
                break
            }
            Start-Sleep -Seconds $Attempt
        }
        if ($Code -eq 404 -or $Code -eq 410) {
            Stop-With "not found on the server: $Url" "get the current installer: irm $Installer | iex"
        }
        if ($Code -eq 407) {
            Stop-With "the proxy needs a password (HTTP 407): $Url" 'sign in to the proxy in Windows'' settings'
        }
        if ($Code -ge 500) {
            Stop-With "the server failed (HTTP $Code): $Url" 'try again later'
        }
        if ($Code -ge 400) {
            Stop-With "the server refused the download (HTTP $Code): $Url" 'open the address in a browser to see why'
        }
        Stop-With "can't download ${Url}: $($Failure.Text)" 'check your connection and your proxy settings, then run this again'
    }

    # Appends to the file; returns nothing, or what failed: an HTTP status, or 0, and a text.
    function Receive-File([string] $Url, [string] $Path) {
        $Response = $null
        $Target = $null
        try {
            $Request = [Net.WebRequest]::Create($Url)
            $Request.UserAgent = "$App-installer"
            $Request.Timeout = 30000
            $Request.ReadWriteTimeout = 60000
            if ($Request.Proxy) {
                $Request.Proxy.Credentials = [Net.CredentialCache]::DefaultCredentials
            }
            $Have = 0L
            if (Test-Path -LiteralPath $Path) {
                $Have = (Get-Item -LiteralPath $Path).Length
            }
            if ($Have -gt 0) {
                $Request.AddRange($Have)
            }
            $Response = $Request.GetResponse()
            # A server that ignores the range sends the file from its start.
            $Mode = [IO.FileMode]::Create
            if ([int] $Response.StatusCode -eq 206) {
                $Mode = [IO.FileMode]::Append
            }
            $Source = $Response.GetResponseStream()
            try {
                $Target = New-Object IO.FileStream $Path, $Mode, ([IO.FileAccess]::Write)
            }
            catch {
                Stop-With "can't write ${Path}: $($_.Exception.Message)" 'set __INSTALL_VARIABLE__ to a folder that you can write to'
            }
            $Received = 0L
            $Buffer = New-Object byte[] 1048576
            while (($Count = $Source.Read($Buffer, 0, $Buffer.Length)) -gt 0) {
                try {
                    $Target.Write($Buffer, 0, $Count)
                    $Target.Flush()
                }
                catch [IO.IOException] {
                    Stop-With "can't write ${Path}: $($_.Exception.Message)" 'free some disk space, or set __INSTALL_VARIABLE__ to a folder elsewhere'
                }
                $Received += $Count
            }
            if ($Response.ContentLength -ge 0 -and $Received -lt $Response.ContentLength) {
                return @{ Code = 0; Text = 'the connection was cut' }
            }
        }
        catch {
            if ($_.Exception.Message -like 'error: *') {
                throw
            }
            # What PowerShell wraps around the error of a method that it called.
            $Cause = $_.Exception
            while ($Cause.InnerException -and -not ($Cause -is [Net.WebException])) {
                $Cause = $Cause.InnerException
            }
            $Code = 0
            if ($Cause -is [Net.WebException] -and $Cause.Response) {
                $Code = [int] $Cause.Response.StatusCode
                $Cause.Response.Close()
            }
            return @{ Code = $Code; Text = $Cause.Message }
        }
        finally {
            if ($Target) {
                $Target.Dispose()
            }
            if ($Response) {
                $Response.Close()
            }
        }
    }

    # The archive of the wanted version. Refuses one that was yanked or doesn't exist.
    function Find-Archive([string] $Platform, [string] $Work) {
        $Path = Join-Path $Work 'versions.json'
        Save-Download $Manifest $Path
        try {
            $Content = Get-Content -LiteralPath $Path -Raw -Encoding UTF8 | ConvertFrom-Json
            $Versions = @($Content.versions)
            $Schema = [int] $Content.schema
        }
        catch {
            Stop-With "$Manifest can't be read: it is not JSON" 'try again later, and report it if that fails too'
        }
        if ($Schema -gt 1) {
            Stop-With "this installer is too old to read $Manifest" "get the current one: irm $Installer | iex"
        }
        $Entry = $Versions | Where-Object { ($_.version -replace '^v', '') -eq $Wanted } | Select-Object -First 1
        if (-not $Entry) {
            $Known = ($Versions | Where-Object { -not $_.yanked } | ForEach-Object { $_.version -replace '^v', '' }) -join ' '
            Stop-With "there is no version $Wanted" "the versions are: $Known"
        }
        if ($Entry.yanked) {
            $Reason = if ($Entry.yank_reason) { ": $($Entry.yank_reason)" } else { '' }
            Stop-With "$App $Wanted was yanked, so it isn't installed$Reason" "install the current version: irm $Installer | iex"
        }
        if ($Wanted -eq $BuiltIn) {
            return $Archives[$Platform]
        }
        $File = @($Entry.files) | Where-Object { $_.kind -eq 'archive' -and $_.platform -eq $Platform } | Select-Object -First 1
        if (-not $File) {
            Stop-With "version $Wanted has no archive for $Platform" 'install another version'
        }
        return @{ Url = $File.url; Size = [long] $File.size; Sha256 = $File.sha256 }
    }

    function Confirm-Download([string] $Path, $Archive) {
        $Received = (Get-Item -LiteralPath $Path).Length
        if ($Received -lt $Archive.Size) {
            Stop-With "the download ended after $Received of $($Archive.Size) bytes: $($Archive.Url)" 'run this again; a proxy may have cut it'
        }
        # Get-FileHash isn't in every PowerShell 5.1 that a company has trimmed.
        $Algorithm = [Security.Cryptography.SHA256]::Create()
        $Stream = [IO.File]::OpenRead($Path)
        try {
            $Actual = ([BitConverter]::ToString($Algorithm.ComputeHash($Stream)) -replace '-', '').ToLowerInvariant()
        }
        finally {
            $Stream.Dispose()
            $Algorithm.Dispose()
        }
        if ($Actual -cne $Archive.Sha256) {
            Stop-With "the download isn't what was published: its SHA-256 is $Actual, not $($Archive.Sha256)" `
                "run this again; if that fails too, something on the way changes downloads: don't use it, and report it"
        }
    }

    function Expand-Program([string] $Path, [string] $Work) {
        Add-Type -AssemblyName System.IO.Compression.FileSystem
        $Program = Join-Path $Work "$App.exe"
        $Zip = [IO.Compression.ZipFile]::OpenRead($Path)
        try {
            [IO.Compression.ZipFileExtensions]::ExtractToFile($Zip.GetEntry("$App.exe"), $Program)
        }
        catch {
            Stop-With "can't unpack the download: $($_.Exception.Message)" 'free some disk space, then run this again'
        }
        finally {
            $Zip.Dispose()
        }
        Unblock-File -LiteralPath $Program -ErrorAction SilentlyContinue
        return $Program
    }

    function Test-Program([string] $Program) {
        $Output = ''
        $Code = -1
        try {
            $ErrorActionPreference = 'Continue'
            $Output = (& $Program --version 2>&1 | Out-String).Trim()
            $Code = $LASTEXITCODE
        }
        catch {
            $Output = $_.Exception.Message
        }
        if ($Code -ne 0) {
            Stop-With "$App doesn't start on this system (exit code $Code): $Output" 'an antivirus program may have blocked it; report this otherwise'
        }
        if (-not $Output.Contains($Wanted)) {
            Stop-With "the archive contains another version than ${Wanted}: $Output" 'report this'
        }
    }

    # A program that runs would go on with the modules of another version.
    function Assert-NotRunning([string] $Target) {
        if (-not (Test-Path -LiteralPath $Target)) {
            return
        }
        try {
            [IO.File]::Open($Target, [IO.FileMode]::Open, [IO.FileAccess]::ReadWrite, [IO.FileShare]::None).Dispose()
        }
        catch [IO.IOException] {
            Stop-With "$App is running, or another program uses $Target" 'end it, then run this again'
        }
        catch {
            Stop-With "can't write ${Target}: $($_.Exception.Message)" 'set __INSTALL_VARIABLE__ to a folder that you can write to'
        }
    }

    function Move-Program([string] $Program, [string] $Target) {
        try {
            if (Test-Path -LiteralPath $Target) {
                [IO.File]::Replace($Program, $Target, [NullString]::Value)
            }
            else {
                [IO.File]::Move($Program, $Target)
            }
        }
        catch {
            Stop-With "can't write ${Target}: $($_.Exception.Message)" 'set __INSTALL_VARIABLE__ to a folder that you can write to'
        }
    }

    function Show-Path([string] $Folder) {
        $Folders = $env:Path -split [IO.Path]::PathSeparator | ForEach-Object { $_.TrimEnd('\', '/') }
        if ($Folders -contains $Folder) {
            return
        }
        $Quoted = $Folder -replace "'", "''"
        Write-Line 'To run it by its name, add its folder to your Path, then open a new terminal:'
        Write-Line ''
        Write-Line "  [Environment]::SetEnvironmentVariable('Path', '$Quoted;' + [Environment]::GetEnvironmentVariable('Path', 'User'), 'User')"
    }

    function Uninstall-Program([string] $Folder, [string] $Target) {
        if (-not (Test-Path -LiteralPath $Target -PathType Leaf)) {
            Stop-With "$App isn't installed in $Folder" 'if you installed it elsewhere, set __INSTALL_VARIABLE__ to that folder'
        }
        Assert-NotRunning $Target
        try {
            Remove-Item -LiteralPath $Target -Force
        }
        catch {
            Stop-With "can't remove ${Target}: $($_.Exception.Message)" 'remove it as the user who owns it'
        }
        Write-Line "Removed $Target. Files that $App created for you are still there."
    }

    $Wanted = $Wanted -replace '^v', ''
    $Folder = Find-Folder
    $Target = Join-Path $Folder "$App.exe"
    if (Test-Path -LiteralPath $Target -PathType Container) {
        Stop-With "$Target is a folder" 'move it elsewhere, or set __INSTALL_VARIABLE__ to another folder'
    }
    if ($IsRemoving) {
        Uninstall-Program $Folder $Target
        return
    }
    Assert-NotRunning $Target
    $Platform = Find-Platform
    # Windows PowerShell 5.1 offers TLS 1.0 alone on some systems.
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12

    # The topmost folder that doesn't exist yet, to remove it again after a failure.
    $Created = $null
    for ($Above = $Folder; $Above -and -not (Test-Path -LiteralPath $Above); $Above = Split-Path -Parent $Above) {
        $Created = $Above
    }
    $Work = Join-Path $Folder ".$App-install.$PID"
    $IsInstalled = $false
    try {
        try {
            New-Item -ItemType Directory -Path $Work -Force | Out-Null
        }
        catch {
            Stop-With "can't write to ${Folder}: $($_.Exception.Message)" 'set __INSTALL_VARIABLE__ to a folder that you can write to'
        }
        $Archive = Find-Archive $Platform $Work
        Write-Line "Downloading $App $Wanted for $Platform ..."
        $Download = Join-Path $Work 'archive.zip'
        Save-Download $Archive.Url $Download
        Confirm-Download $Download $Archive
        $Program = Expand-Program $Download $Work
        Test-Program $Program
        Move-Program $Program $Target
        $IsInstalled = $true
    }
    finally {
        # Also after Ctrl-C.
        Remove-Item -LiteralPath $Work -Recurse -Force -ErrorAction SilentlyContinue
        if ($Created -and -not $IsInstalled) {
            Remove-Item -LiteralPath $Created -Recurse -Force -ErrorAction SilentlyContinue
        }
    }
    Write-Line "Installed $App ${Wanted}: $Target"
    Show-Path $Folder
}

Install-Program $Version $Uninstall.IsPresent
